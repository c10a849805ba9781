/* The C plugin ABI: a backend in a shared library, for hosts in any language. C11, stands alone.
 *
 * A module exports one function, switchyard_plugin_query. A host loads the module (dlopen with
 * RTLD_NOW | RTLD_LOCAL), asks that function for the table of functions, creates an instance, loads
 * payloads into it and executes them:
 *
 *   query -> create_instance -> { load -> { execute } -> destroy } -> destroy_instance -> dlclose
 *
 * Growth. Every struct starts with `struct_size`, which whoever fills the struct sets to sizeof.
 * Within one version structs only grow at their end, by members for which 0 means "as before".
 *   - A reader takes the members that it knows and that `struct_size` covers; the others are 0. Of
 *     a host's struct that is longer than the module knows, the rest has to be 0: what the module
 *     cannot honour it refuses with NotSupported, it never ignores it.
 *   - A struct that ends before the members that a call cannot do without (marked "required"),
 *     inside a member that the reader knows, or is longer than SWITCHYARD_MAX_STRUCT_SIZE, is
 *     refused with InvalidArgument. A reserved word is a member. What goes to a function without a
 *     status (an event) is not read then.
 *   - Reserved words and unknown flag bits have to be 0, else NotSupported.
 *   - Of the table, a host uses the functions that `struct_size` covers: SWITCHYARD_HAS.
 *
 * Ownership. Nothing that one side allocates is freed by the other. Text goes out into buffers of
 * the caller (switchyard_text). The host's structs are read during the call alone; what a `context`
 * points to has to live as long as the member's comment says.
 *
 * Errors. Functions return SWITCHYARD_OK or a code, and put into `message` (which may be null) what
 * was found, what was expected and what to do. No C++ exception leaves the module: where the heap
 * has no memory left, a call returns MemoryAllocationFailed. The instance and its other delegates
 * go on; a delegate that ran out of memory half-way through an execute returns InvalidState from
 * then on, until it is destroyed. Null pointers and numbers out of range are refused; a pointer to
 * anything but what is asked for is not noticed.
 *
 * Threads. All functions may be called from any thread at the same time, but a handle may not be
 * destroyed while it is used. Executes of one delegate run one after the other.
 *
 * Unloading. After the last instance has been destroyed the module holds no thread and no memory of
 * its own, and may be closed. The table and all strings in it go with it. Libraries that it needs
 * may stay in the process.
 */
#ifndef SWITCHYARD_PLUGIN_H_
#define SWITCHYARD_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SWITCHYARD_PLUGIN_VERSION 1u
#define SWITCHYARD_MAX_STRUCT_SIZE 4096u /* bytes */
#define SWITCHYARD_MAX_TENSOR_RANK 16u
#define SWITCHYARD_MAX_THREADS 1024u
#define SWITCHYARD_NO_DEBUG_HANDLE 0xFFFFFFFFu

/* ExecuTorch's numbers. Codes that a host's callback returns are passed on unchanged. */
typedef uint32_t switchyard_status;
enum {
  SWITCHYARD_OK = 0x00,
  SWITCHYARD_INTERNAL = 0x01,
  SWITCHYARD_INVALID_STATE = 0x02,
  SWITCHYARD_NOT_SUPPORTED = 0x10,
  SWITCHYARD_NOT_IMPLEMENTED = 0x11,
  SWITCHYARD_INVALID_ARGUMENT = 0x12,
  SWITCHYARD_INVALID_TYPE = 0x13,
  SWITCHYARD_NOT_FOUND = 0x20,
  SWITCHYARD_MEMORY_ALLOCATION_FAILED = 0x21,
  SWITCHYARD_ACCESS_FAILED = 0x22,
  SWITCHYARD_INVALID_PROGRAM = 0x23,
  SWITCHYARD_INVALID_EXTERNAL_DATA = 0x24,
  SWITCHYARD_OUT_OF_RESOURCES = 0x25,
  SWITCHYARD_DELEGATE_INVALID_COMPATIBILITY = 0x30,
  SWITCHYARD_DELEGATE_MEMORY_ALLOCATION_FAILED = 0x31,
  SWITCHYARD_DELEGATE_INVALID_HANDLE = 0x32
};

/* A buffer of the caller for text in UTF-8. As snprintf: the text is cut to fit, what is written
 * is terminated, and `length` is that of the whole text without its end. A call whose own message
 * buffer is malformed returns InvalidArgument and does nothing. */
typedef struct switchyard_text {
  uint64_t struct_size;
  char* data;        /* may be null when capacity is 0 */
  uint64_t capacity; /* bytes, the terminator included */
  uint64_t length;   /* out; required up to here */
  uint64_t reserved;
} switchyard_text;

/* What the host supplies for one loaded payload. Each is optional. Callbacks may come from several
 * threads at once unless said otherwise, must not call back into the module, and must not throw. */

/* Memory of large blocks (arena, weights of one delegate); null: the C library's heap. */
typedef struct switchyard_allocator {
  uint64_t struct_size;
  void* context;
  /* `alignment` is a power of two. Null when there is no memory. */
  void* (*allocate)(void* context, uint64_t bytes, uint64_t alignment);
  /* What allocate returned, never null. Required up to here. */
  void (*release)(void* context, void* pointer);
  uint64_t reserved[2];
} switchyard_allocator;

typedef uint32_t switchyard_log_level;
enum {
  SWITCHYARD_LOG_DEBUG = 0,
  SWITCHYARD_LOG_INFO = 1,
  SWITCHYARD_LOG_WARNING = 2,
  SWITCHYARD_LOG_ERROR = 3
};

/* Null: what would be logged is dropped. */
typedef struct switchyard_logger {
  uint64_t struct_size;
  void* context;
  /* `message` is terminated, and valid during the call. Required up to here. */
  void (*log)(void* context, switchyard_log_level level, const char* message);
  uint64_t reserved[2];
} switchyard_logger;

typedef uint32_t switchyard_event_kind;
enum {
  SWITCHYARD_EVENT_WAIT = 0,    /* for other executes */
  SWITCHYARD_EVENT_PREPARE = 1, /* shapes, memory, outputs' sizes */
  SWITCHYARD_EVENT_STEP = 2,    /* a step of the plan */
  SWITCHYARD_EVENT_OPERATOR = 3 /* an operator of XNNPACK's, inside the step before it */
};

/* An interval of an execute. The module sets struct_size; members and kinds may be added. Strings
 * are terminated and never null; all is valid during the call. */
typedef struct switchyard_event {
  uint64_t struct_size;
  switchyard_event_kind kind;
  uint32_t num_nodes;
  const char* name;         /* what ran, with the ids of its nodes */
  const char* route;        /* of a step: how it ran; empty: not told */
  const char* kernel;       /* row of the kernel table, or XNNPACK's name; empty: not told */
  const char* micro_kernel; /* the function of that row; empty: not told */
  /* The nodes that it was spent on, by their positions in the file, and the exporter's number for
   * each or SWITCHYARD_NO_DEBUG_HANDLE. Either may be null: not told. */
  const uint32_t* nodes;
  const uint32_t* debug_handles;
  uint64_t start, end; /* in the tracer's own unit */
  uint64_t macs;       /* multiply-accumulates at the execute's shapes; 0: none, or not told */
} switchyard_event;

/* Called by the thread that called execute. Null: no tracing. */
typedef struct switchyard_tracer {
  uint64_t struct_size;
  void* context;
  uint64_t (*now)(void* context); /* in the tracer's own unit; never decreases */
  /* Required up to here. */
  void (*event)(void* context, const switchyard_event* event);
  /* That many nanoseconds in the tracer's own unit; null: the unit is the nanosecond. */
  uint64_t (*from_nanoseconds)(void* context, uint64_t nanoseconds);
  uint64_t reserved[2];
} switchyard_tracer;

/* Bytes that the host lends. The module sets struct_size, the host the rest. */
typedef struct switchyard_buffer {
  uint64_t struct_size;
  const void* data;
  uint64_t bytes;
  void* owner; /* for release */
} switchyard_buffer;

/* Constants that a payload refers to by name. Used during load alone, which gives all buffers back
 * before it returns. */
typedef struct switchyard_named_data {
  uint64_t struct_size;
  void* context;
  /* Fills `buffer`, or returns a code (NotFound) and may write to `message`, which is never null.
   * `key` is terminated. */
  switchyard_status (*get)(void* context, const char* key, switchyard_buffer* buffer,
                           switchyard_text* message);
  /* Takes back what get has lent; null: nothing to do. Required up to here. */
  void (*release)(void* context, const switchyard_buffer* buffer);
  uint64_t reserved[2];
} switchyard_named_data;

typedef uint32_t switchyard_option_kind;
enum { SWITCHYARD_OPTION_BOOL = 1, SWITCHYARD_OPTION_INT = 2, SWITCHYARD_OPTION_TEXT = 3 };

typedef struct switchyard_option {
  uint64_t struct_size;
  const char* key; /* terminated */
  switchyard_option_kind kind;
  uint32_t reserved;
  int64_t number;   /* BOOL: 0 or 1; INT: the number */
  const char* text; /* TEXT: terminated, copied. Required up to here. */
} switchyard_option;

typedef uint32_t switchyard_element_type;
enum {
  SWITCHYARD_FLOAT32 = 1,
  SWITCHYARD_FLOAT16 = 2,
  SWITCHYARD_BFLOAT16 = 3,
  SWITCHYARD_INT8 = 4,
  SWITCHYARD_UINT8 = 5,
  SWITCHYARD_INT32 = 6,
  SWITCHYARD_INT64 = 7
};

/* A tensor of the host. `sizes` are logical; dim_order[i] is the logical dimension at physical
 * position i, outermost first; the data is dense in that order. An input may be read up to 16 bytes
 * beyond its end. The caller keeps the struct and the data until execute returns. */
typedef struct switchyard_tensor {
  uint64_t struct_size;
  switchyard_element_type element_type;
  uint32_t rank; /* at most SWITCHYARD_MAX_TENSOR_RANK */
  uint64_t sizes[SWITCHYARD_MAX_TENSOR_RANK];
  uint8_t dim_order[SWITCHYARD_MAX_TENSOR_RANK]; /* all 0: the default, 0, 1, 2, ... */
  void* data;
  uint64_t capacity_bytes; /* of `data`; required up to here */
  /* Gives an output its sizes (`tensor->rank` of them): sets `sizes`, and `data` and
   * `capacity_bytes` where they change. Called by the thread that called execute, before anything
   * runs, when an output's sizes are to change. Or returns a code, and may write to `message`,
   * which is never null. Null: the tensor's sizes cannot change. */
  switchyard_status (*resize)(struct switchyard_tensor* tensor, const uint64_t* sizes,
                              switchyard_text* message);
  void* context; /* for `resize` */
  uint64_t reserved[2];
} switchyard_tensor;

/* What a delegate's argument is, at the bounds of the payload: execute takes sizes up to these. The
 * caller sets struct_size, the module the rest. */
typedef struct switchyard_argument_info {
  uint64_t struct_size;
  switchyard_element_type element_type;
  uint32_t is_output; /* 0 or 1 */
  uint32_t rank;
  uint32_t reserved;
  /* As a switchyard_tensor's. Of an output the sizes as they lie in memory, in default order; any
   * other order will do as well. */
  uint64_t sizes[SWITCHYARD_MAX_TENSOR_RANK];
  uint8_t dim_order[SWITCHYARD_MAX_TENSOR_RANK]; /* required up to here */
} switchyard_argument_info;

typedef struct switchyard_instance switchyard_instance; /* a backend of one's own */
typedef struct switchyard_delegate switchyard_delegate; /* a loaded payload */

typedef struct switchyard_instance_config {
  uint64_t struct_size;
  /* Threads that work on an execute, the calling one included: the instance makes a pool of that
   * many. 0 and 1: the calling thread does all the work. At most SWITCHYARD_MAX_THREADS. */
  uint32_t num_threads;
  uint32_t reserved; /* required up to here */
} switchyard_instance_config;

/* Executes will come with a tracer: XNNPACK's operators are to be timed. A tracer given to load
 * says the same. */
#define SWITCHYARD_LOAD_TRACED UINT64_C(1)

typedef struct switchyard_load {
  uint64_t struct_size;
  const void* payload; /* may go as soon as load returns */
  uint64_t payload_bytes;
  const char* method_name;                 /* terminated; null: none */
  const switchyard_option* const* options; /* for this payload; they beat the instance's */
  uint64_t num_options;                    /* required up to here */
  const void* model; /* never followed: equal for the delegates of one model, which may share
                        memory (option workspace_sharing_mode) */
  /* Copied; their contexts have to live until the delegate is destroyed. */
  const switchyard_allocator* allocator;
  const switchyard_logger* logger;
  const switchyard_tracer* tracer;
  /* During load alone. */
  const switchyard_named_data* named_data;
  uint64_t flags;
  uint64_t reserved[3];
} switchyard_load;

typedef struct switchyard_execution {
  uint64_t struct_size;
  /* tensors[i] is the argument with external id i: inputs, then outputs; as many as num_arguments
   * says. Nothing else may use an output's memory. */
  switchyard_tensor* const* tensors;
  uint64_t num_tensors;            /* required up to here */
  const switchyard_tracer* tracer; /* beats the one given to load; null: that one */
  uint64_t reserved[2];
} switchyard_execution;

/* What ran where, and why. */
typedef uint32_t switchyard_report_format;
enum { SWITCHYARD_REPORT_TEXT = 1, SWITCHYARD_REPORT_JSON = 2 };
#define SWITCHYARD_REPORT_ALL_NODES 1u /* not only those that could run on packed kernels */

typedef struct switchyard_report_request {
  uint64_t struct_size;
  switchyard_report_format format;
  uint32_t flags; /* required up to here */
} switchyard_report_request;

/* Bits of `sanitizers`. A module with one can be loaded only into a process with the same. */
#define SWITCHYARD_SANITIZER_ADDRESS 1u
#define SWITCHYARD_SANITIZER_THREAD 2u
#define SWITCHYARD_SANITIZER_MEMORY 4u
#define SWITCHYARD_SANITIZER_UNDEFINED 8u

/* The table. The module's own, constant. */
typedef struct switchyard_plugin {
  uint64_t struct_size;
  uint32_t version;        /* of the ABI, as negotiated */
  uint32_t sanitizers;     /* that the module was built with */
  const char* name;        /* of the backend: "XnnpackBackend" */
  const char* description; /* for people: version, kernels that are built in, sanitizers */
  uint64_t reserved[2];

  /* `*instance` is set only on success. Errors: InvalidArgument, NotSupported (the config),
   * OutOfResources (threads). */
  switchyard_status (*create_instance)(const switchyard_instance_config* config,
                                       switchyard_instance** instance, switchyard_text* message);
  /* Null is allowed. InvalidState while a delegate of it has not been destroyed. */
  switchyard_status (*destroy_instance)(switchyard_instance* instance, switchyard_text* message);
  /* Ok, or why the backend cannot run on this machine. */
  switchyard_status (*check_available)(switchyard_instance* instance, switchyard_text* message);

  /* `*delegate` is set only on success. Errors of the payload: InvalidProgram, NotSupported,
   * MemoryAllocationFailed and others. */
  switchyard_status (*load)(switchyard_instance* instance, const switchyard_load* load,
                            switchyard_delegate** delegate, switchyard_text* message);
  switchyard_status (*execute)(switchyard_delegate* delegate, const switchyard_execution* execution,
                               switchyard_text* message);
  /* Null is allowed. */
  switchyard_status (*destroy)(switchyard_delegate* delegate, switchyard_text* message);

  /* Options of the instance, for loads from then on. An unknown key is ignored. InvalidArgument: a
   * wrong kind, or out of range. */
  switchyard_status (*set_option)(switchyard_instance* instance, const switchyard_option* option,
                                  switchyard_text* message);
  /* The value of `key`: sets `value->kind` and `value->number`, and writes the value as text to
   * `text`; either may be null. `value->key` and `value->text` are left alone. NotFound: no such
   * option. Required up to here. */
  switchyard_status (*get_option)(switchyard_instance* instance, const char* key,
                                  switchyard_option* value, switchyard_text* text,
                                  switchyard_text* message);

  switchyard_status (*num_arguments)(switchyard_delegate* delegate, uint64_t* count,
                                     switchyard_text* message);
  /* InvalidArgument: `index` is not below num_arguments. */
  switchyard_status (*describe_argument)(switchyard_delegate* delegate, uint64_t index,
                                         switchyard_argument_info* info, switchyard_text* message);
  /* Ask with capacity 0 for the length, then for the text. */
  switchyard_status (*report)(switchyard_delegate* delegate,
                              const switchyard_report_request* request, switchyard_text* text,
                              switchyard_text* message);
} switchyard_plugin;

/* Whether a table has a function (or another pointer) that is not among the required ones. */
#define SWITCHYARD_HAS(plugin, member)                                                  \
  ((plugin)->struct_size >=                                                             \
       offsetof(switchyard_plugin, member) + sizeof(((switchyard_plugin*)0)->member) && \
   (plugin)->member != NULL)

typedef struct switchyard_query {
  uint64_t struct_size;
  uint32_t min_version, max_version; /* of the ABI, that the host knows; required up to here */
  uint64_t reserved[2];
} switchyard_query;

/* Sets `*plugin` to the table of the highest version that both know. May be called again. Errors:
 * NotSupported (no common version), InvalidArgument, and InvalidState when another library of the
 * process stands in for one that the module was built with; loading it with RTLD_DEEPBIND may
 * help then. This signature is that of all versions. */
typedef switchyard_status (*switchyard_plugin_query_function)(const switchyard_query* query,
                                                              const switchyard_plugin** plugin,
                                                              switchyard_text* message);
#define SWITCHYARD_PLUGIN_QUERY "switchyard_plugin_query"

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* SWITCHYARD_PLUGIN_H_ */
