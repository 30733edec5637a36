typedef int tm_placeholder_measure;
