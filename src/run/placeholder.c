typedef int tm_placeholder_run;
