// The requantiser of one column: int32 sum in, int8 code out, four cycles
// later; one a cycle.
//
//   single rounding (double_i = 0):
//     v = (acc * multiplier + 2^(shift-1)) >> shift       shift 0 to 62
//   double rounding, as TensorFlow Lite's reference kernels have it:
//     h = acc * multiplier / 2^31, to the nearest, ties up, at most 2^31 - 1
//     v = h / 2^(shift-31), to the nearest, ties away from 0
//                                                         shift 31 to 62
//   code = clamp(v + zero_point) to min .. max
//
// All in whole numbers, >> rounding down, without overflow anywhere. Ties of
// single rounding go up: 2.5 is 3, -2.5 is -2. Shift 0 rounds nothing. The
// first division of double rounding is single rounding with a shift of 31,
// sign and ties included, so both modes share it.
//
// After the first division the value is held to AccBits: whatever that
// changes is beyond every clamp (needs AccBits >= CodeBits + 2).
//
// The two widths are parameters for the proof alone (npu_requant_proof.ys):
// nobody waits for a proof about a 32 x 32 multiplier.
//
// SPDX-License-Identifier: Apache-2.0
module npu_requant #(
  parameter int unsigned AccBits  = 32,
  parameter int unsigned CodeBits = 8,
  localparam int unsigned ProductBits = 2 * AccBits,
  localparam int unsigned ShiftBits   = $clog2(ProductBits)
) (
  input  logic                 clk_i,

  input  logic [AccBits-1:0]   acc_i,
  input  logic [AccBits-1:0]   multiplier_i,
  input  logic [ShiftBits-1:0] shift_i,
  input  logic                 double_i,
  input  logic [CodeBits-1:0]  zero_point_i,
  input  logic [CodeBits-1:0]  min_i,
  input  logic [CodeBits-1:0]  max_i,

  output logic [CodeBits-1:0]  code_o,
  output logic                 clamped_o  // the clamp changed the value
);

  localparam logic [ShiftBits-1:0] HighShift = ShiftBits'(AccBits - 1);

  // What a value carries along: one register a stage and field.
  logic [ShiftBits-1:0]   shift1_q, shift2_q;
  logic                   double1_q, double2_q;
  logic [3*CodeBits-1:0]  range1_q, range2_q, range3_q;

  always_ff @(posedge clk_i) begin
    shift1_q  <= shift_i;
    shift2_q  <= shift1_q;
    double1_q <= double_i;
    double2_q <= double1_q;
    range1_q  <= {zero_point_i, min_i, max_i};
    range2_q  <= range1_q;
    range3_q  <= range2_q;
  end

  // 1. The product.
  logic [ProductBits-1:0] product_q;

  always_ff @(posedge clk_i) begin
    product_q <= $signed(acc_i) * $signed(multiplier_i);
  end

  // 2. The first division: half of the divisor, and down.
  logic [ShiftBits-1:0]          first_shift;
  logic [ProductBits-1:0]        half;
  logic signed [ProductBits-1:0] nudged, divided;
  logic                          fits;
  logic [AccBits-1:0]            rounded_q;

  assign first_shift = double1_q ? HighShift : shift1_q;
  assign half        = (ProductBits'(1) << first_shift) >> 1;
  assign nudged      = $signed(product_q + half);
  assign divided     = nudged >>> first_shift;
  assign fits        = (divided[ProductBits-1:AccBits-1]
                        == {(AccBits+1){divided[ProductBits-1]}});

  always_ff @(posedge clk_i) begin
    if (fits) begin
      rounded_q <= divided[AccBits-1:0];
    end else begin
      rounded_q <= {divided[ProductBits-1],
                    {(AccBits-1){~divided[ProductBits-1]}}};
    end
  end

  // 3. The second: half of the divisor, less one below zero, and down.
  logic [ShiftBits-1:0]      second_shift;
  logic [AccBits:0]          second_half;
  logic                      away;
  logic signed [AccBits:0]   second_nudged, second_divided;
  logic [AccBits-1:0]        value_q;

  assign second_shift   = double2_q ? shift2_q - HighShift : '0;
  assign second_half    = ((AccBits+1)'(1) << second_shift) >> 1;
  assign away           = rounded_q[AccBits-1] & (second_shift != '0);
  assign second_nudged  = $signed({rounded_q[AccBits-1], rounded_q}
                                  + second_half - (AccBits+1)'(away));
  assign second_divided = second_nudged >>> second_shift;

  logic unused_top;
  assign unused_top = second_divided[AccBits];

  always_ff @(posedge clk_i) begin
    value_q <= second_divided[AccBits-1:0];
  end

  // 4. The zero point and the clamp.
  logic [CodeBits-1:0]       zero_point, low, high;
  logic signed [AccBits:0]   shifted, low_wide, high_wide;
  logic [CodeBits-1:0]       code_q;
  logic                      clamped_q;

  assign {zero_point, low, high} = range3_q;
  assign shifted   = $signed({value_q[AccBits-1], value_q}
      + {{(AccBits+1-CodeBits){zero_point[CodeBits-1]}}, zero_point});
  assign low_wide  = $signed({{(AccBits+1-CodeBits){low[CodeBits-1]}}, low});
  assign high_wide = $signed({{(AccBits+1-CodeBits){high[CodeBits-1]}}, high});

  always_ff @(posedge clk_i) begin
    clamped_q <= (shifted < low_wide) | (shifted > high_wide);
    if (shifted < low_wide) begin
      code_q <= low;
    end else if (shifted > high_wide) begin
      code_q <= high;
    end else begin
      code_q <= shifted[CodeBits-1:0];
    end
  end

  assign code_o    = code_q;
  assign clamped_o = clamped_q;

endmodule
