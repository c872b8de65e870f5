// Makes the JPEG files here: 20x24 pixels, a ramp from dark to light. g++ make_jpeg.cpp -lturbojpeg && ./a.out
#include <turbojpeg.h>

#include <fstream>
#include <vector>

namespace {

void make(const char* name, int format, int channels, int sampling, int flags) {
  constexpr int kWidth = 20, kHeight = 24;
  std::vector<unsigned char> pixels;
  for (int i = 0; i < kWidth * kHeight; ++i)
    for (int c = 0; c < channels; ++c) pixels.push_back(static_cast<unsigned char>(c == 3 ? 255 : i % kWidth * 13));
  unsigned char* jpeg = nullptr;
  unsigned long size = 0;
  const tjhandle encoder = tjInitCompress();
  tjCompress2(encoder, pixels.data(), kWidth, 0, kHeight, format, &jpeg, &size, sampling, 90, flags);
  std::ofstream(name, std::ios::binary).write(reinterpret_cast<const char*>(jpeg), static_cast<std::streamsize>(size));
  tjFree(jpeg);
  tjDestroy(encoder);
}

}  // namespace

int main() {
  make("baseline.jpg", TJPF_RGB, 3, TJSAMP_420, 0);
  make("progressive.jpg", TJPF_RGB, 3, TJSAMP_422, TJFLAG_PROGRESSIVE);
  make("grey.jpg", TJPF_GRAY, 1, TJSAMP_GRAY, 0);
  make("cmyk.jpg", TJPF_CMYK, 4, TJSAMP_444, 0);
}
