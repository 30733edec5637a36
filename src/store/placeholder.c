typedef int tm_placeholder_store;
