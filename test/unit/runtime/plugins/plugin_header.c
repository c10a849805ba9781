/* The header as C11, by itself, and the layout of its first version, which never changes. */
#include "runtime/plugin.h"

#define AT(type, member, offset) \
  _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) _Static_assert(sizeof(type) >= (size), #type " has shrunk")

AT(switchyard_text, data, 8);
AT(switchyard_text, capacity, 16);
AT(switchyard_text, length, 24);
SIZE(switchyard_text, 40);
AT(switchyard_allocator, allocate, 16);
AT(switchyard_allocator, release, 24);
SIZE(switchyard_allocator, 48);
AT(switchyard_logger, log, 16);
SIZE(switchyard_logger, 40);
AT(switchyard_event, kind, 8);
AT(switchyard_event, num_nodes, 12);
AT(switchyard_event, name, 16);
AT(switchyard_event, route, 24);
AT(switchyard_event, kernel, 32);
AT(switchyard_event, micro_kernel, 40);
AT(switchyard_event, nodes, 48);
AT(switchyard_event, debug_handles, 56);
AT(switchyard_event, start, 64);
AT(switchyard_event, end, 72);
AT(switchyard_event, macs, 80);
SIZE(switchyard_event, 88);
AT(switchyard_tracer, now, 16);
AT(switchyard_tracer, event, 24);
AT(switchyard_tracer, from_nanoseconds, 32);
SIZE(switchyard_tracer, 56);
AT(switchyard_buffer, bytes, 16);
AT(switchyard_buffer, owner, 24);
SIZE(switchyard_buffer, 32);
AT(switchyard_named_data, get, 16);
AT(switchyard_named_data, release, 24);
SIZE(switchyard_named_data, 48);
AT(switchyard_option, key, 8);
AT(switchyard_option, kind, 16);
AT(switchyard_option, number, 24);
AT(switchyard_option, text, 32);
SIZE(switchyard_option, 40);
AT(switchyard_tensor, element_type, 8);
AT(switchyard_tensor, rank, 12);
AT(switchyard_tensor, sizes, 16);
AT(switchyard_tensor, dim_order, 144);
AT(switchyard_tensor, data, 160);
AT(switchyard_tensor, capacity_bytes, 168);
AT(switchyard_tensor, resize, 176);
AT(switchyard_tensor, context, 184);
SIZE(switchyard_tensor, 208);
AT(switchyard_argument_info, element_type, 8);
AT(switchyard_argument_info, is_output, 12);
AT(switchyard_argument_info, rank, 16);
AT(switchyard_argument_info, sizes, 24);
AT(switchyard_argument_info, dim_order, 152);
SIZE(switchyard_argument_info, 168);
AT(switchyard_instance_config, num_threads, 8);
SIZE(switchyard_instance_config, 16);
AT(switchyard_load, payload, 8);
AT(switchyard_load, num_options, 40);
AT(switchyard_load, model, 48);
AT(switchyard_load, named_data, 80);
AT(switchyard_load, flags, 88);
SIZE(switchyard_load, 120);
AT(switchyard_execution, tensors, 8);
AT(switchyard_execution, num_tensors, 16);
AT(switchyard_execution, tracer, 24);
SIZE(switchyard_execution, 48);
AT(switchyard_report_request, format, 8);
AT(switchyard_report_request, flags, 12);
SIZE(switchyard_report_request, 16);
AT(switchyard_plugin, version, 8);
AT(switchyard_plugin, sanitizers, 12);
AT(switchyard_plugin, name, 16);
AT(switchyard_plugin, description, 24);
AT(switchyard_plugin, create_instance, 48);
AT(switchyard_plugin, destroy_instance, 56);
AT(switchyard_plugin, check_available, 64);
AT(switchyard_plugin, load, 72);
AT(switchyard_plugin, execute, 80);
AT(switchyard_plugin, destroy, 88);
AT(switchyard_plugin, set_option, 96);
AT(switchyard_plugin, get_option, 104);
AT(switchyard_plugin, num_arguments, 112);
AT(switchyard_plugin, describe_argument, 120);
AT(switchyard_plugin, report, 128);
SIZE(switchyard_plugin, 136);
AT(switchyard_query, min_version, 8);
AT(switchyard_query, max_version, 12);
SIZE(switchyard_query, 32);

/* Names are usable from C as they are. */
extern const switchyard_status switchyard_c_statuses[];
const switchyard_status switchyard_c_statuses[] = {SWITCHYARD_OK,
                                                   SWITCHYARD_DELEGATE_INVALID_HANDLE};
