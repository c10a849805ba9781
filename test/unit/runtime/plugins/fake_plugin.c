/* A plugin in C, to try the host's side with: its payload is one byte, a factor; it writes the
 * factor times input 0 to output 1. FAKE_* macros, one for each module built from it, make it old,
 * new or wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plugin.h"

#define EXPORT __attribute__((visibility("default")))

struct switchyard_instance {
  uint32_t num_threads;
  int64_t gain;   /* option "gain", an int */
  char text[600]; /* option "text" */
  int delegates;
};

struct switchyard_delegate {
  switchyard_instance* instance;
  float factor;
  int has_allocator, has_tracer;
  switchyard_allocator allocator;
  switchyard_tracer tracer;
  void* block;
};

/* A struct_size that the tests choose. */
static uint64_t size_of(const char* variable, uint64_t size) {
  const char* chosen = getenv(variable);
  return chosen != NULL ? strtoull(chosen, NULL, 10) : size;
}

static switchyard_status say(switchyard_text* message, switchyard_status status, const char* text) {
  if (message != NULL) {
    message->length = strlen(text);
    if (message->capacity > 0) snprintf(message->data, message->capacity, "%s", text);
  }
  return status;
}

static switchyard_status create_instance(const switchyard_instance_config* config,
                                         switchyard_instance** instance, switchyard_text* message) {
  if (config->num_threads == 13) return say(message, SWITCHYARD_OUT_OF_RESOURCES, "13 threads");
  *instance = calloc(1, sizeof **instance);
  (*instance)->num_threads = config->num_threads;
  (*instance)->gain = 1;
  return SWITCHYARD_OK;
}

static switchyard_status destroy_instance(switchyard_instance* instance, switchyard_text* message) {
  if (instance->delegates > 0) return say(message, SWITCHYARD_INVALID_STATE, "delegates are left");
  free(instance);
  return SWITCHYARD_OK;
}

static switchyard_status check_available(switchyard_instance* instance, switchyard_text* message) {
  if (instance->gain == -1) return say(message, SWITCHYARD_NOT_SUPPORTED, "not with gain -1");
  return SWITCHYARD_OK;
}

static switchyard_status load(switchyard_instance* instance, const switchyard_load* context,
                              switchyard_delegate** delegate, switchyard_text* message) {
  if (context->payload_bytes != 1) {
    static char long_text[6000];
    memset(long_text, 'x', sizeof long_text - 1);
    /* 0: without a word; 2: more than any buffer */
    if (context->payload_bytes == 0) return SWITCHYARD_INVALID_PROGRAM;
    if (context->payload_bytes == 2) return say(message, SWITCHYARD_INVALID_PROGRAM, long_text);
    return say(message, SWITCHYARD_INVALID_PROGRAM, "payload: expected one byte");
  }
  float factor = *(const unsigned char*)context->payload;
  for (uint64_t i = 0; i < context->num_options; ++i) {
    const switchyard_option* option = context->options[i];
    if (strcmp(option->key, "times") == 0) factor *= (float)option->number;
  }
  if (context->logger != NULL) {
    context->logger->log(context->logger->context, SWITCHYARD_LOG_WARNING, context->method_name);
  }
  if (factor == 100 && context->named_data != NULL) { /* the factor is kept elsewhere */
    const switchyard_named_data* data = context->named_data;
    switchyard_buffer buffer = {0};
    buffer.struct_size = size_of("FAKE_BUFFER_SIZE", sizeof buffer);
    const switchyard_status status = data->get(data->context, "factor", &buffer, message);
    if (status != SWITCHYARD_OK) return status;
    factor = *(const unsigned char*)buffer.data;
    data->release(data->context, &buffer);
  }
  switchyard_delegate* made = calloc(1, sizeof *made);
  made->instance = instance;
  made->factor = factor;
  if (context->allocator != NULL) {
    made->has_allocator = 1;
    made->allocator = *context->allocator;
    made->block = made->allocator.allocate(made->allocator.context, 64, 64);
  }
  if (context->tracer != NULL) {
    made->has_tracer = 1;
    made->tracer = *context->tracer;
  }
  ++instance->delegates;
  *delegate = made;
  return SWITCHYARD_OK;
}

static switchyard_status execute(switchyard_delegate* delegate,
                                 const switchyard_execution* execution, switchyard_text* message) {
  if (delegate == NULL) return say(message, SWITCHYARD_DELEGATE_INVALID_HANDLE, "no delegate");
  if (execution->num_tensors != 2) return say(message, SWITCHYARD_INVALID_ARGUMENT, "expected 2");
  switchyard_tensor* input = execution->tensors[0];
  switchyard_tensor* output = execution->tensors[1];
  const switchyard_tracer* tracer = execution->tracer;
  if (tracer == NULL && delegate->has_tracer) tracer = &delegate->tracer;
  switchyard_event event = {0};
  event.struct_size = size_of("FAKE_EVENT_SIZE", sizeof event);
  event.kind = SWITCHYARD_EVENT_STEP;
  event.name = "scale";
  event.route = event.kernel = event.micro_kernel = "";
  static const uint32_t handles[] = {7};
  event.num_nodes = 1;
  event.debug_handles = handles;
  event.macs = 4;
  if (tracer != NULL) event.start = tracer->now(tracer->context);
  if (output->resize == NULL) return say(message, SWITCHYARD_NOT_SUPPORTED, "a static output");
  const switchyard_status status = output->resize(output, input->sizes, message);
  if (status != SWITCHYARD_OK) return status;
  uint64_t count = 1;
  for (uint32_t i = 0; i < input->rank; ++i) count *= input->sizes[i];
  if (output->capacity_bytes < count * sizeof(float)) return SWITCHYARD_INTERNAL;
  for (uint64_t i = 0; i < count; ++i) {
    ((float*)output->data)[i] =
        ((const float*)input->data)[i] * delegate->factor * (float)delegate->instance->gain;
  }
  if (tracer != NULL) {
    event.end = tracer->now(tracer->context);
    tracer->event(tracer->context, &event);
  }
  return SWITCHYARD_OK;
}

static switchyard_status destroy(switchyard_delegate* delegate, switchyard_text* message) {
  (void)message;
  if (delegate == NULL) return SWITCHYARD_OK;
  if (delegate->has_allocator) {
    delegate->allocator.release(delegate->allocator.context, delegate->block);
  }
  --delegate->instance->delegates;
  free(delegate);
  return SWITCHYARD_OK;
}

static switchyard_status set_option(switchyard_instance* instance, const switchyard_option* option,
                                    switchyard_text* message) {
  if (strcmp(option->key, "gain") == 0) {
    if (option->kind != SWITCHYARD_OPTION_INT) {
      return say(message, SWITCHYARD_INVALID_ARGUMENT, "option 'gain': expected an int");
    }
    instance->gain = option->number;
  }
  if (strcmp(option->key, "text") == 0) {
    snprintf(instance->text, sizeof instance->text, "%s", option->text);
  }
  return SWITCHYARD_OK;
}

static switchyard_status get_option(switchyard_instance* instance, const char* key,
                                    switchyard_option* value, switchyard_text* text,
                                    switchyard_text* message) {
  if (strcmp(key, "gain") == 0) {
    value->kind = SWITCHYARD_OPTION_INT;
    value->number = instance->gain;
  } else if (strcmp(key, "threads_are_many") == 0) {
    value->kind = SWITCHYARD_OPTION_BOOL;
    value->number = instance->num_threads > 1;
  } else if (strcmp(key, "text") == 0) {
    value->kind = SWITCHYARD_OPTION_TEXT;
    say(text, SWITCHYARD_OK, instance->text);
  } else {
    return say(message, SWITCHYARD_NOT_FOUND, "no such option");
  }
  return SWITCHYARD_OK;
}

static switchyard_status num_arguments(switchyard_delegate* delegate, uint64_t* count,
                                       switchyard_text* message) {
  (void)delegate;
  (void)message;
  *count = 2;
  return SWITCHYARD_OK;
}

static switchyard_status describe_argument(switchyard_delegate* delegate, uint64_t index,
                                           switchyard_argument_info* info,
                                           switchyard_text* message) {
  (void)delegate;
  (void)message;
#ifdef FAKE_ODD_ARGUMENT
  info->element_type = 99;
#else
  info->element_type = SWITCHYARD_FLOAT32;
#endif
  info->is_output = index == 1;
  info->rank = 2;
  info->sizes[0] = 5;
  info->sizes[1] = 6;
  info->dim_order[1] = 1;
  return SWITCHYARD_OK;
}

static switchyard_status report(switchyard_delegate* delegate,
                                const switchyard_report_request* request, switchyard_text* text,
                                switchyard_text* message) {
  (void)delegate;
  (void)message;
  return say(text, SWITCHYARD_OK, request->format == SWITCHYARD_REPORT_JSON ? "{}" : "all scaled");
}

#ifdef FAKE_NEWER
/* What a later release might append. */
struct newer_plugin {
  switchyard_plugin table;
  switchyard_status (*warm_up)(switchyard_instance* instance);
  uint64_t more;
};
static switchyard_status warm_up(switchyard_instance* instance) {
  return instance == NULL ? SWITCHYARD_INVALID_ARGUMENT : SWITCHYARD_OK;
}
#endif

#ifdef FAKE_THREAD_SANITIZER
/* As instrumented code has it; a module that really needs it could not be loaded at all. */
__attribute__((weak)) void __tsan_init(void);
EXPORT int uses_sanitizer(void);
int uses_sanitizer(void) {
  if (__tsan_init != NULL) __tsan_init();
  return 0;
}
#endif

#ifdef FAKE_MIXED
/* The test program has a function of this name as well, which this module wants not to get. Weak,
 * so that the compiler does not know the answer. */
EXPORT __attribute__((weak)) int whose_function(void);
int whose_function(void) { return 1; }
#endif

#ifdef FAKE_NO_QUERY
#define switchyard_plugin_query another_function
#endif
EXPORT switchyard_status switchyard_plugin_query(const switchyard_query* query,
                                                 const switchyard_plugin** plugin,
                                                 switchyard_text* message);
switchyard_status switchyard_plugin_query(const switchyard_query* query,
                                          const switchyard_plugin** plugin,
                                          switchyard_text* message) {
#ifdef FAKE_NEWER
  static struct newer_plugin newer;
  switchyard_plugin* table = &newer.table;
  newer.warm_up = warm_up;
  newer.more = 1;
  const uint64_t size = sizeof newer;
#else
  static switchyard_plugin the_table;
  switchyard_plugin* table = &the_table;
#if defined(FAKE_OLDER) /* before there were functions that describe a delegate */
  const uint64_t size = offsetof(switchyard_plugin, num_arguments);
#elif defined(FAKE_TOO_SHORT)
  const uint64_t size = offsetof(switchyard_plugin, get_option);
#elif defined(FAKE_HUGE)
  const uint64_t size = UINT64_MAX;
#else
  const uint64_t size = size_of("FAKE_TABLE_SIZE", sizeof the_table);
#endif
#endif
#ifdef FAKE_MIXED
  if (whose_function() != 1) return say(message, SWITCHYARD_INVALID_STATE, "another's function");
#endif
#ifdef FAKE_MUTE
  return SWITCHYARD_INTERNAL;
#endif
#ifdef FAKE_NOTHING
  return SWITCHYARD_OK;
#endif
#ifdef FAKE_VERSION
  if (query->max_version < FAKE_VERSION) {
    return say(message, SWITCHYARD_NOT_SUPPORTED, "this module knows version 2 alone");
  }
#endif
  if (query->struct_size < sizeof *query) return say(message, SWITCHYARD_INVALID_ARGUMENT, "?");
  table->struct_size = size;
#ifdef FAKE_WRONG_VERSION
  table->version = 2; /* whatever the host asked for */
#else
  table->version = SWITCHYARD_PLUGIN_VERSION;
#endif
#ifdef FAKE_SANITIZER_WORD
  table->sanitizers = SWITCHYARD_SANITIZER_MEMORY;
#endif
  table->name = "Fake";
  table->description = "a fake of the tests";
  table->create_instance = create_instance;
  table->destroy_instance = destroy_instance;
  table->check_available = check_available;
  table->load = load;
#ifdef FAKE_GAP
  table->load = NULL;
#endif
  table->execute = execute;
  table->destroy = destroy;
  table->set_option = set_option;
  table->get_option = get_option;
  table->num_arguments = num_arguments;
  table->describe_argument = describe_argument;
  table->report = report;
#ifdef FAKE_OLDER /* garbage that a host must not touch */
  memset((char*)table + size, 0xA5, sizeof *table - size);
#endif
  *plugin = table;
  return SWITCHYARD_OK;
}
