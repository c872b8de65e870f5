// The consumer's own data/loader.h. Were it taken for Norma's, nothing of Norma's would compile.
#pragma once

namespace consumer {

inline constexpr const char* kLoaderHeader = "the consumer's own data/loader.h";

}  // namespace consumer
