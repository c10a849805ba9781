#include "module.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char error_buffer[1024];
switchyard_text error_text = {
    .struct_size = sizeof error_text,
    .data = error_buffer,
    .capacity = sizeof error_buffer,
};

void check(switchyard_status status, const char* call) {
  if (status == SWITCHYARD_OK) return;
  fprintf(stderr, "%s: error 0x%02" PRIx32 ": %s\n", call, status, error_buffer);
  exit(1);
}

const switchyard_plugin* open_module(const char* path, void** handle) {
  *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (*handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(3);
  }
  /* ISO C has no conversion from an object pointer to a function pointer; POSIX has this. */
  switchyard_plugin_query_function query;
  void* symbol = dlsym(*handle, SWITCHYARD_PLUGIN_QUERY);
  if (symbol == NULL) {
    fprintf(stderr, "%s: not a plugin: it has no function %s\n", path, SWITCHYARD_PLUGIN_QUERY);
    exit(3);
  }
  memcpy(&query, &symbol, sizeof query);

  const switchyard_query request = {
      .struct_size = sizeof request,
      .min_version = SWITCHYARD_PLUGIN_VERSION,
      .max_version = SWITCHYARD_PLUGIN_VERSION,
  };
  const switchyard_plugin* plugin = NULL;
  check(query(&request, &plugin, &error_text), "query");
  return plugin;
}
