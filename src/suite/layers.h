/* Layers: graphs of several ops under a name, written like ops with the shape of their input alone. */
#ifndef TM_SUITE_LAYERS_H
#define TM_SUITE_LAYERS_H

#include "graph/graph.h"

enum {
    TM_LAYERS = 0
#define TM_LAYER(name, attributes) +1
#include "suite/layers.def"
#undef TM_LAYER
};

typedef struct tm_layer tm_layer;

/* NULL: there is none of that name, or no such number. */
const tm_layer *tm_layer_named(const char *name);
const tm_layer *tm_layer_at(int number);

tm_attribute_owner tm_layer_owner(const tm_layer *layer);
tm_attributes tm_layer_defaults(const tm_layer *layer);

/* The layer over an input of shape `x`: its graph, whose first input that is; weights and biases follow. The
 * attributes are checked already; a shape that does not fit them is an error that names the layer. */
tm_status tm_layer_build(const tm_layer *layer, const tm_shape *x, const tm_attributes *attributes, tm_graph **into,
                         tm_error *error);

#endif
