typedef int tm_placeholder_report;
