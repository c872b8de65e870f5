// The consumer's own layers/relu.h. Were it taken for Norma's, nothing of Norma's would compile.
#pragma once

namespace consumer {

inline constexpr const char* kReluHeader = "the consumer's own layers/relu.h";

}  // namespace consumer
