typedef int tm_placeholder_graph;
