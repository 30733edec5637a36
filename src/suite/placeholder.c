typedef int tm_placeholder_suite;
