// Which ExecuTorch a file belongs to.
#pragma once

#include <cstddef>
#include <string>

namespace switchyard {

// The version of the ExecuTorch package that a library is a part of, such as "1.5.1", without what
// follows a '+'; empty where nothing says it. It is in files that packages have: version.py of the
// Python package, in one of the folders above the library, or what its CMake package answers
// find_package() with, beside the library.
std::string RuntimeVersion(const std::string& library_path);

// The build id of the loaded file that holds `address`, in hexadecimal; empty: it has none.
std::string BuildIdOf(const void* address);

}  // namespace switchyard
