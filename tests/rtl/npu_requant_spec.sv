// What npu_requant.sv has to say of a product, written for a proof and not for
// hardware: wide, in one cycle, and by other ways of rounding.
//
// npu_requant_proof.py makes `product` free; holds_o must be 1 for every
// value of every input.
// SPDX-License-Identifier: Apache-2.0
module npu_requant_spec #(
  parameter int unsigned AccBits  = 32,
  parameter int unsigned CodeBits = 8,
  localparam int unsigned ProductBits = 2 * AccBits,
  localparam int unsigned ShiftBits   = $clog2(ProductBits),
  localparam int unsigned Wide        = ProductBits + 2
) (
  input  logic                 clk_i,
  input  logic [AccBits-1:0]   acc_i,
  input  logic [AccBits-1:0]   multiplier_i,
  input  logic [ShiftBits-1:0] shift_i,
  input  logic                 double_i,
  input  logic [CodeBits-1:0]  zero_point_i,
  input  logic [CodeBits-1:0]  min_i,
  input  logic [CodeBits-1:0]  max_i,
  output logic                 holds_o
);

  localparam logic [ShiftBits-1:0] HighShift = ShiftBits'(AccBits - 1);
  localparam logic [ShiftBits-1:0] MaxShift  = ShiftBits'(ProductBits - 2);
  localparam logic signed [Wide-1:0] One = 1;

  logic [CodeBits-1:0] code;
  logic                clamped;

  npu_requant #(.AccBits(AccBits), .CodeBits(CodeBits)) u_requant (
    .clk_i(clk_i), .acc_i(acc_i), .multiplier_i(multiplier_i),
    .shift_i(shift_i), .double_i(double_i), .zero_point_i(zero_point_i),
    .min_i(min_i), .max_i(max_i), .code_o(code), .clamped_o(clamped)
  );

  logic [ProductBits-1:0] product;
  assign product = $signed(acc_i) * $signed(multiplier_i);

  // Two numbers of AccBits have no larger product; the shift is one there is.
  logic signed [Wide-1:0] p;
  logic                   possible;
  assign p        = {{2{product[ProductBits-1]}}, product};
  assign possible = (p <= (One << (ProductBits - 2)))
                  & (p >= -(One << (ProductBits - 2)))
                  & (shift_i <= MaxShift)
                  & (~double_i | (shift_i >= HighShift));

  // Single rounding: the part cut off decides.
  logic signed [Wide-1:0] kept, cut, single;
  assign kept   = p >>> shift_i;
  assign cut    = p - (kept <<< shift_i);
  assign single = kept + (((cut <<< 1) >= (One <<< shift_i))
                          & (shift_i != '0) ? One : '0);

  // Double rounding: a nudge and a division towards zero, then a division of
  // the magnitude.
  logic signed [Wide-1:0] nudged, high, held, size, twice;
  logic [ShiftBits-1:0]   rest;
  assign nudged = p + (p >= 0 ? (One <<< (AccBits - 2))
                              : One - (One <<< (AccBits - 2)));
  assign high   = nudged >= 0 ? (nudged >>> (AccBits - 1))
                              : -((-nudged) >>> (AccBits - 1));
  assign held   = high >= (One <<< (AccBits - 1))
                ? (One <<< (AccBits - 1)) - One : high;
  assign rest   = shift_i - HighShift;
  assign size   = held < 0 ? -held : held;
  assign twice  = held < 0
      ? -((size + ((One <<< rest) >>> 1)) >>> rest)
      :  ((size + ((One <<< rest) >>> 1)) >>> rest);

  logic signed [Wide-1:0] value, low, top, result;
  assign value  = (double_i ? twice : single)
      + {{(Wide-CodeBits){zero_point_i[CodeBits-1]}}, zero_point_i};
  assign low    = {{(Wide-CodeBits){min_i[CodeBits-1]}}, min_i};
  assign top    = {{(Wide-CodeBits){max_i[CodeBits-1]}}, max_i};
  assign result = value < low ? low : (value > top ? top : value);

  assign holds_o = ~possible | ((code == result[CodeBits-1:0])
                                & (clamped == (result != value)));

endmodule
