typedef int tm_placeholder_portable;
