typedef int tm_placeholder_avx512;
