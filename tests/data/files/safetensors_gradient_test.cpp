// With Real = double nothing is rounded on the way into a safetensors file and back.
#include "norma/data/files/safetensors.h"

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

TEST(SafetensorsOfDoubles, AreF64) {
  const NamedTensors written = {{"n.num_batches_tracked", Tensor::full({}, 0x1p53)},
                                {"x", random_tensor({2, 3, 4, 5}, 1)}};
  const TensorFile file = parse_safetensors(safetensors_bytes(written), "x");
  EXPECT_EQ(file.dtypes, (std::vector<std::string>{"I64", "F64"}));
  for (std::size_t i = 0; i < written.size(); ++i)
    EXPECT_TRUE(same_bits(file.tensors.at(i).second, written[i].second)) << written[i].first;
}

}  // namespace
}  // namespace norma::test
