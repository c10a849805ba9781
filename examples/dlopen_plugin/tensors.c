#include "tensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* XNNPACK may read a little beyond the end of an input. */
enum { SLACK_BYTES = 64 };

static const struct {
  const char* name;
  size_t bytes;
} types[] = {
    [SWITCHYARD_FLOAT32] = {"float32", 4},   [SWITCHYARD_FLOAT16] = {"float16", 2},
    [SWITCHYARD_BFLOAT16] = {"bfloat16", 2}, [SWITCHYARD_INT8] = {"int8", 1},
    [SWITCHYARD_UINT8] = {"uint8", 1},       [SWITCHYARD_INT32] = {"int32", 4},
    [SWITCHYARD_INT64] = {"int64", 8},
};

/* Bytes of a tensor; 0 for more than this program wants to hold. */
static size_t bytes_of(switchyard_element_type type, uint32_t rank, const uint64_t* sizes) {
  const size_t limit = (size_t)1 << 32;
  if (type < SWITCHYARD_FLOAT32 || type > SWITCHYARD_INT64) return 0; /* of a newer module */
  size_t bytes = types[type].bytes;
  for (uint32_t i = 0; i < rank; ++i) {
    if (sizes[i] != 0 && bytes > limit / sizes[i]) return 0;
    bytes *= sizes[i];
  }
  return bytes;
}

/* The module calls it when an output gets other sizes than it has. */
static switchyard_status resize(switchyard_tensor* tensor, const uint64_t* sizes,
                                switchyard_text* message) {
  const size_t bytes = bytes_of(tensor->element_type, tensor->rank, sizes);
  void* data = realloc(tensor->data, bytes + SLACK_BYTES);
  if (data == NULL) {
    message->length = (uint64_t)snprintf(message->data, message->capacity, "realloc has no memory");
    return SWITCHYARD_MEMORY_ALLOCATION_FAILED;
  }
  tensor->data = data;
  tensor->capacity_bytes = bytes;
  memcpy(tensor->sizes, sizes, tensor->rank * sizeof *sizes);
  return SWITCHYARD_OK;
}

static void fill_with_ones(switchyard_tensor* tensor) {
  const size_t count = tensor->capacity_bytes / types[tensor->element_type].bytes;
  for (size_t i = 0; i < count; ++i) {
    switch (tensor->element_type) {
      case SWITCHYARD_FLOAT32:
        ((float*)tensor->data)[i] = 1;
        break;
      case SWITCHYARD_FLOAT16:
        ((uint16_t*)tensor->data)[i] = 0x3C00;
        break;
      case SWITCHYARD_BFLOAT16:
        ((uint16_t*)tensor->data)[i] = 0x3F80;
        break;
      case SWITCHYARD_INT32:
        ((int32_t*)tensor->data)[i] = 1;
        break;
      case SWITCHYARD_INT64:
        ((int64_t*)tensor->data)[i] = 1;
        break;
      default:
        ((uint8_t*)tensor->data)[i] = 1;
        break;
    }
  }
}

switchyard_tensor* make_tensor(const switchyard_argument_info* info) {
  const size_t bytes = bytes_of(info->element_type, info->rank, info->sizes);
  if (bytes == 0) return NULL;
  switchyard_tensor* tensor = calloc(1, sizeof *tensor);
  if (tensor == NULL) return NULL;
  tensor->struct_size = sizeof *tensor;
  tensor->element_type = info->element_type;
  tensor->rank = info->rank;
  memcpy(tensor->sizes, info->sizes, sizeof tensor->sizes);
  memcpy(tensor->dim_order, info->dim_order, sizeof tensor->dim_order);
  tensor->capacity_bytes = bytes;
  tensor->resize = resize;
  tensor->data = calloc(1, bytes + SLACK_BYTES);
  if (tensor->data == NULL) {
    free(tensor);
    return NULL;
  }
  if (!info->is_output) fill_with_ones(tensor);
  return tensor;
}

void free_tensor(switchyard_tensor* tensor) {
  if (tensor != NULL) free(tensor->data);
  free(tensor);
}

void print_form(switchyard_element_type type, uint32_t rank, const uint64_t* sizes,
                const uint8_t* dim_order) {
  const int is_known = type >= SWITCHYARD_FLOAT32 && type <= SWITCHYARD_INT64;
  printf("%s [", is_known ? types[type].name : "(a newer type)");
  for (uint32_t i = 0; i < rank; ++i) printf("%s%" PRIu64, i > 0 ? ", " : "", sizes[i]);
  printf("]");
  int is_default = 1;
  for (uint32_t i = 0; i < rank; ++i) is_default &= dim_order[i] == i;
  if (is_default) return;
  printf(" in dim order [");
  for (uint32_t i = 0; i < rank; ++i) printf("%s%d", i > 0 ? ", " : "", dim_order[i]);
  printf("]");
}

void print_tensor(const switchyard_tensor* tensor) {
  print_form(tensor->element_type, tensor->rank, tensor->sizes, tensor->dim_order);
  const size_t count = bytes_of(SWITCHYARD_FLOAT32, tensor->rank, tensor->sizes) / sizeof(float);
  if (tensor->element_type == SWITCHYARD_FLOAT32 && count > 0) {
    const float* data = tensor->data;
    float low = data[0], high = data[0];
    for (size_t i = 1; i < count; ++i) {
      if (data[i] < low) low = data[i];
      if (data[i] > high) high = data[i];
    }
    printf(", from %g to %g", low, high);
  }
  printf("\n");
}
