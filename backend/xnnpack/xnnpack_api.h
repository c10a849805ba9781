// What every file of this room needs of XNNPACK's C API: owners, types, statuses.
#pragma once

#include <xnnpack.h>

#include <memory>
#include <string_view>

#include "runtime/base/data_type.h"
#include "runtime/base/error.h"

namespace switchyard {

struct SubgraphDeleter {
  void operator()(xnn_subgraph_t subgraph) const { xnn_delete_subgraph(subgraph); }
};
struct RuntimeDeleter {
  void operator()(xnn_runtime_t runtime) const { xnn_delete_runtime(runtime); }
};
struct OperatorDeleter {
  void operator()(xnn_operator_t op) const { xnn_delete_operator(op); }
};
using SubgraphPtr = std::unique_ptr<xnn_subgraph, SubgraphDeleter>;
using RuntimePtr = std::unique_ptr<xnn_runtime, RuntimeDeleter>;
using OperatorPtr = std::unique_ptr<xnn_operator, OperatorDeleter>;

// By name: the numbers of the wire and of XNNPACK differ. Invalid for types that it does not know.
constexpr xnn_datatype ToXnn(DataType type) {
  switch (type) {
    case DataType::kF32:
      return xnn_datatype_fp32;
    case DataType::kF16:
      return xnn_datatype_fp16;
    case DataType::kBF16:
      return xnn_datatype_bf16;
    case DataType::kInt32:
      return xnn_datatype_int32;
    case DataType::kQInt8:
      return xnn_datatype_qint8;
    case DataType::kQUInt8:
      return xnn_datatype_quint8;
    case DataType::kQInt32:
      return xnn_datatype_qint32;
    case DataType::kQCInt8:
      return xnn_datatype_qcint8;
    case DataType::kQCInt32:
      return xnn_datatype_qcint32;
    case DataType::kQCInt4:
      return xnn_datatype_qcint4;
    case DataType::kQDInt8:
      return xnn_datatype_qdint8;
    case DataType::kQBInt4:
      return xnn_datatype_qbint4;
    case DataType::kInvalid:
    case DataType::kQPInt8:
    case DataType::kPF32:
      break;
  }
  return xnn_datatype_invalid;
}

constexpr std::string_view Name(xnn_status status) {
  switch (status) {
    case xnn_status_success:
      return "success";
    case xnn_status_uninitialized:
      return "uninitialized";
    case xnn_status_invalid_parameter:
      return "invalid parameter";
    case xnn_status_invalid_state:
      return "invalid state";
    case xnn_status_unsupported_parameter:
      return "unsupported parameter";
    case xnn_status_unsupported_hardware:
      return "unsupported hardware";
    case xnn_status_out_of_memory:
      return "out of memory";
    case xnn_status_reallocation_required:
      return "reallocation required";
    case xnn_status_deprecated:
      return "deprecated";
  }
  return "unknown status";
}

// The error that a status other than success is passed on as. A parameter that XNNPACK does not
// take comes from the file.
constexpr ErrorCode ToErrorCode(xnn_status status) {
  switch (status) {
    case xnn_status_invalid_parameter:
    case xnn_status_unsupported_parameter:
    case xnn_status_unsupported_hardware:
      return ErrorCode::kNotSupported;
    case xnn_status_out_of_memory:
      return ErrorCode::kMemoryAllocationFailed;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace switchyard
