// Tensors in a file, as PyTorch, NumPy and JAX read them: the safetensors format,
// https://github.com/huggingface/safetensors
//
//   8 bytes            the length n of the header, little-endian
//   n bytes            the header, JSON: {"__metadata__": {"format": "pt"},
//                        "0.weight": {"dtype": "F32", "shape": [32,3,3,3], "data_offsets": [0,3456]}, ...}
//   the rest           the numbers: little-endian, row-major in logical order (N,C,H,W), tensor after tensor, no holes
//
// state_dict() written here loads in PyTorch with load_state_dict(safetensors.torch.load_file(...)), and back.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "norma/core/check.h"
#include "norma/core/tensor.h"

namespace norma {

/// What a safetensors file holds, in the order of its bytes.
struct TensorFile {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> dtypes = {};  // as stored, of each tensor: "F32", "F64" or "I64"
};

/// The bytes of a file: a function of its arguments, and what the reference writer makes of them. Numbers are written as
/// F32 (by the build with Real = double as F64), those named "num_batches_tracked" or "X.num_batches_tracked" as I64. The
/// metadata get {"format": "pt"} unless they have a format. Throws Error for a name that stands twice, is
/// "__metadata__" or not UTF-8, and for a count that is not a whole number.
std::string safetensors_bytes(const NamedTensors& tensors, std::map<std::string, std::string> metadata = {});

/// Writes these bytes with write_file(). Throws Error as above, FileError where the file cannot be written.
void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads F32, F64 and I64 tensors of rank 0 to 4 as Real. Throws DataError, "PATH: what is wrong", for a file that is
/// missing or breaks a rule of the format, other dtypes and ranks, and numbers that Real does not hold (a finite F64
/// that would become infinite, an I64 that would be rounded).
TensorFile read_safetensors(const std::filesystem::path& file);

/// The same of the bytes of a file; `name` stands for its path in messages.
TensorFile parse_safetensors(std::string_view bytes, const std::string& name);

}  // namespace norma
