// The consumer's own core/types.h. Were it taken for Norma's, nothing of Norma's would compile.
#pragma once

namespace consumer {

inline constexpr const char* kTypesHeader = "the consumer's own core/types.h";

}  // namespace consumer
