typedef int tm_placeholder_oracle;
