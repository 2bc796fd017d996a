// What stands below one column of npu_array: its accumulators, and the
// requantiser they drain through.
//
// Sums come out of the array with a token that says where they belong. A
// drain token reads a row, here one cycle later than in the column to the
// left, so that draining follows the wavefront of the sums. The memory has
// two read ports and a write port; a row is read in the cycle it is asked
// for. (A macro with registered reads would want one more stage and
// forwarding when one row is added to in consecutive cycles.)
//
// The code of a row comes out five cycles after its drain token went in.
//
// SPDX-License-Identifier: Apache-2.0
module npu_column #(
  parameter int unsigned PsumBits = 19,
  parameter int unsigned Depth    = 64,  // rows of accumulators, 2^n
  parameter int unsigned Sets     = 16,  // of requantiser parameters, 2^n
  localparam int unsigned AddrBits  = $clog2(Depth),
  localparam int unsigned SetBits   = $clog2(Sets),
  localparam int unsigned AccBits   = 32,
  localparam int unsigned ParamBits = 63
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,

  // One set of parameters: {double, shift[5:0], zero point, min, max (8 bits
  // each), multiplier[31:0]}.
  input  logic                 param_we_i,
  input  logic [SetBits-1:0]   param_set_i,
  input  logic [ParamBits-1:0] param_i,

  // A sum and its token.
  input  logic [PsumBits-1:0]  psum_i,
  input  logic                 sum_valid_i,
  input  logic                 sum_accumulate_i,  // else overwrite
  input  logic [AddrBits-1:0]  sum_addr_i,
  output logic                 overflow_o,        // of the last addition

  // The drain token, and what comes of it.
  input  logic [AddrBits-1:0]  drain_addr_i,
  input  logic [SetBits-1:0]   drain_set_i,
  output logic [7:0]           code_o,
  output logic                 clamped_o
);

  logic [AccBits-1:0]   acc_q [Depth];
  logic [ParamBits-1:0] param_q [Sets];
  logic [AccBits-1:0]   old, psum, sum;
  logic                 overflow_q;

  // Two's complement: a sum past the range wraps, and is counted.
  assign old  = acc_q[sum_addr_i] & {AccBits{sum_accumulate_i}};
  assign psum = {{(AccBits-PsumBits){psum_i[PsumBits-1]}}, psum_i};
  assign sum  = old + psum;

  always_ff @(posedge clk_i) begin
    if (sum_valid_i) begin
      acc_q[sum_addr_i] <= sum;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      overflow_q <= 1'b0;
    end else begin
      overflow_q <= sum_valid_i & (old[AccBits-1] == psum[AccBits-1])
                    & (sum[AccBits-1] != old[AccBits-1]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (param_we_i) begin
      param_q[param_set_i] <= param_i;
    end
  end

  logic [AccBits-1:0]   drained_q;
  logic [SetBits-1:0]   set_q;
  logic [ParamBits-1:0] param;

  always_ff @(posedge clk_i) begin
    drained_q <= acc_q[drain_addr_i];
    set_q     <= drain_set_i;
  end

  assign param = param_q[set_q];

  npu_requant u_requant (
    .clk_i,
    .acc_i        (drained_q),
    .multiplier_i (param[31:0]),
    .shift_i      (param[61:56]),
    .double_i     (param[62]),
    .zero_point_i (param[55:48]),
    .min_i        (param[47:40]),
    .max_i        (param[39:32]),
    .code_o,
    .clamped_o
  );

  assign overflow_o = overflow_q;

endmodule
