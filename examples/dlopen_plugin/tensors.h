/* Tensors of this program: memory from malloc, sizes that may change. */
#ifndef TENSORS_H_
#define TENSORS_H_

#include <switchyard/plugin.h>

/* A tensor as `info` describes it, at its largest; every element of an input is 1. Null without
 * memory. */
switchyard_tensor* make_tensor(const switchyard_argument_info* info);
void free_tensor(switchyard_tensor* tensor);

/* "float32 [1, 37]", with the dim order where it is not the default. */
void print_form(switchyard_element_type type, uint32_t rank, const uint64_t* sizes,
                const uint8_t* dim_order);
/* The form, and the smallest and largest element of floats. */
void print_tensor(const switchyard_tensor* tensor);

#endif
