// oneDNN: a matmul primitive whose weights are in the format that it likes
// best, as inference has them.
// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/open.h"

#ifdef TRIPTYCH_ONEDNN

#include <dnnl.hpp>
#include <unordered_map>

namespace triptych::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

// What a product multiplies, and where its operands are.
struct Formats {
  Type a, b, c;         // that the primitive takes
  Type a_here, b_here;  // as Product holds them
  void *a_data, *b_data, *c_data;
};

Formats FormatsOf(Product& p) {
  switch (p.arithmetic) {
    case DType::kI8:
      return {Type::u8, Type::s8,      Type::s32,     Type::u8,
              Type::s8, p.a_u8.data(), p.b_s8.data(), p.c_s32.data()};
    case DType::kBf16:
      return {Type::bf16, Type::bf16, Type::f32,  Type::f32,
              Type::f32,  p.a.data(), p.b.data(), p.c.data()};
    default:
      return {Type::f32, Type::f32,  Type::f32,  Type::f32,
              Type::f32, p.a.data(), p.b.data(), p.c.data()};
  }
}

dnnl::matmul::primitive_desc Describe(const dnnl::engine& engine,
                                      const memory::desc& a,
                                      const memory::desc& b,
                                      const memory::desc& c) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul::primitive_desc(engine, a, b, c);
#else
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine);
#endif
}

class OneDnnLibrary : public PeerLibrary {
 public:
  std::string version() const override {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." +
           std::to_string(v->minor) + "." + std::to_string(v->patch);
  }

  Result<std::function<void()>> Prepare(Product& product) override try {
    const auto m = static_cast<memory::dim>(product.m),
               n = static_cast<memory::dim>(product.n),
               k = static_cast<memory::dim>(product.k);
    const Formats f = FormatsOf(product);
    const memory::desc c_desc({m, n}, f.c, Tag::ab);
    const auto description =
        Describe(engine_, memory::desc({m, k}, f.a, Tag::ab),
                 memory::desc({k, n}, f.b, Tag::any), c_desc);
    const memory a = Reordered({{m, k}, f.a_here, Tag::ab}, f.a_data,
                               description.src_desc());
    const memory b = Reordered({{k, n}, f.b_here, Tag::ab}, f.b_data,
                               description.weights_desc());
    const memory c(c_desc, engine_, f.c_data);
    std::unordered_map<int, memory> arguments = {
        {DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
    return [this, primitive = dnnl::matmul(description),
            arguments = std::move(arguments)] {
      primitive.execute(stream_, arguments);
      stream_.wait();
    };
  } catch (const dnnl::error& error) {
    return MakeError(ErrorCode::kUnsupported, error.what());
  }

 private:
  // `data` itself, if that is how it is wanted, or a converted copy.
  memory Reordered(const memory::desc& here, void* data,
                   const memory::desc& wanted) {
    memory from(here, engine_, data);
    if (here == wanted) return from;
    memory to(wanted, engine_);
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return to;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

}  // namespace

// Its threads are OpenMP's: see SettleProcess().
Result<std::unique_ptr<PeerLibrary>> OpenOneDnn(int) try {
  return std::make_unique<OneDnnLibrary>();
} catch (const dnnl::error& error) {
  return MakeError(ErrorCode::kUnsupported, error.what());
}

}  // namespace triptych::bench

#else

namespace triptych::bench {

Result<std::unique_ptr<PeerLibrary>> OpenOneDnn(int) {
  return MakeError(ErrorCode::kNotFound, "was not there at configuring");
}

}  // namespace triptych::bench

#endif
