typedef int tm_placeholder_native;
