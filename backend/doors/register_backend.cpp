// Registers the backend in our own registry when the program or shared library that holds this file
// is loaded. Nothing refers to it, so a static library that holds it must be linked whole.
#include "backend/switchyard_backend.h"

namespace switchyard {
namespace {

// A refusal means that a host registered another backend of this name, which stays.
[[maybe_unused]] const bool registered = RegisterBackend().has_value();

}  // namespace
}  // namespace switchyard
