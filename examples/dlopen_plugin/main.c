/* A host in C11 that loads Switchyard at run time, runs a payload on inputs of ones, and prints
 * what came out and what ran where. */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "module.h"
#include "tensors.h"

/* The bytes of a file; ends the program when it cannot be read. */
static void* read_file(const char* path, size_t* bytes) {
  FILE* file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    perror(path);
    exit(3);
  }
  const long size = ftell(file);
  void* data = size > 0 ? malloc((size_t)size) : NULL;
  rewind(file);
  if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
    fprintf(stderr, "%s: cannot be read, or is empty\n", path);
    exit(3);
  }
  fclose(file);
  *bytes = (size_t)size;
  return data;
}

static void print_warning(void* context, switchyard_log_level level, const char* text) {
  (void)context;
  if (level >= SWITCHYARD_LOG_WARNING) fprintf(stderr, "switchyard: %s\n", text);
}

static switchyard_delegate* load_file(const switchyard_plugin* plugin,
                                      switchyard_instance* instance, const char* path) {
  static const switchyard_logger logger = {.struct_size = sizeof logger, .log = print_warning};
  size_t bytes = 0;
  void* payload = read_file(path, &bytes);
  const switchyard_load load = {
      .struct_size = sizeof load,
      .payload = payload,
      .payload_bytes = bytes,
      .method_name = "forward",
      .logger = &logger,
  };
  switchyard_delegate* delegate = NULL;
  check(plugin->load(instance, &load, &delegate, &error_text), "load");
  free(payload); /* the module has taken what it needs */
  return delegate;
}

/* Makes every argument as the module describes it, runs, and prints the outputs. */
static void run(const switchyard_plugin* plugin, switchyard_delegate* delegate) {
  uint64_t count = 0;
  check(plugin->num_arguments(delegate, &count, &error_text), "num_arguments");
  switchyard_tensor** tensors = calloc(count + 1, sizeof *tensors);
  char* is_output = calloc(count + 1, 1);
  if (tensors == NULL || is_output == NULL) exit(1);
  for (uint64_t i = 0; i < count; ++i) {
    switchyard_argument_info info = {.struct_size = sizeof info};
    check(plugin->describe_argument(delegate, i, &info, &error_text), "describe_argument");
    is_output[i] = info.is_output != 0;
    printf("%s %" PRIu64 ": ", is_output[i] ? "output" : "input", i);
    print_form(info.element_type, info.rank, info.sizes, info.dim_order);
    printf(" at most\n");
    tensors[i] = make_tensor(&info);
    if (tensors[i] == NULL) {
      fprintf(stderr, "argument %" PRIu64 ": no memory for it\n", i);
      exit(1);
    }
  }
  const switchyard_execution execution = {
      .struct_size = sizeof execution,
      .tensors = tensors,
      .num_tensors = count,
  };
  check(plugin->execute(delegate, &execution, &error_text), "execute");
  for (uint64_t i = 0; i < count; ++i) {
    if (is_output[i]) {
      printf("output %" PRIu64 " is ", i);
      print_tensor(tensors[i]);
    }
    free_tensor(tensors[i]);
  }
  free(is_output);
  free(tensors);
}

static void print_report(const switchyard_plugin* plugin, switchyard_delegate* delegate) {
  const switchyard_report_request request = {
      .struct_size = sizeof request,
      .format = SWITCHYARD_REPORT_TEXT,
      .flags = SWITCHYARD_REPORT_ALL_NODES,
  };
  switchyard_text text = {.struct_size = sizeof text};
  check(plugin->report(delegate, &request, &text, &error_text), "report"); /* how long is it? */
  text.capacity = text.length + 1;
  text.data = malloc(text.capacity);
  if (text.data == NULL) exit(1);
  check(plugin->report(delegate, &request, &text, &error_text), "report");
  printf("%s", text.data);
  free(text.data);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr,
            "usage: %s LIBSWITCHYARD_PLUGIN.so PAYLOAD\n"
            "`switchyard extract MODEL.pte` writes payloads.\n",
            argv[0]);
    return 2;
  }
  void* module = NULL;
  const switchyard_plugin* plugin = open_module(argv[1], &module);
  printf("%s: %s\n", plugin->name, plugin->description);

  const switchyard_instance_config config = {.struct_size = sizeof config, .num_threads = 2};
  switchyard_instance* instance = NULL;
  check(plugin->create_instance(&config, &instance, &error_text), "create_instance");
  check(plugin->check_available(instance, &error_text), "check_available");
  switchyard_delegate* delegate = load_file(plugin, instance, argv[2]);

  /* A module of the first hour would lack these. */
  if (SWITCHYARD_HAS(plugin, num_arguments) && SWITCHYARD_HAS(plugin, describe_argument)) {
    run(plugin, delegate);
  }
  if (SWITCHYARD_HAS(plugin, report)) print_report(plugin, delegate);

  check(plugin->destroy(delegate, &error_text), "destroy");
  check(plugin->destroy_instance(instance, &error_text), "destroy_instance");
  return dlclose(module) == 0 ? 0 : 1;
}
