// One processing element of npu_array: a weight at work, the next one
// waiting, a multiplier, an adder.
//
// Every register passes on what came in from the left or from above a cycle
// ago, so control travels with the data and no wire is longer than one
// element. In the cycle in which swap_i arrives the product already uses the
// waiting weight; the element below, or to the right, swaps a cycle later.
// shift_i may move the column's waiting weights down in that same cycle.
//
// Not reset: a weight is loaded before it is used, and a sum that no token
// follows (npu_sequencer) is not looked at.
//
// SPDX-License-Identifier: Apache-2.0
module npu_pe #(
  parameter int unsigned PsumBits = 19
) (
  input  logic                clk_i,

  // From the left: a row of activations, one element a cycle.
  input  logic [7:0]          activation_i,
  input  logic                swap_i,
  input  logic                shift_i,
  output logic [7:0]          activation_o,
  output logic                swap_o,
  output logic                shift_o,

  // From above.
  input  logic [7:0]          weight_i,
  input  logic [PsumBits-1:0] psum_i,
  output logic [7:0]          weight_o,
  output logic [PsumBits-1:0] psum_o
);

  logic [7:0]          activation_q, active_q, waiting_q, weight;
  logic                swap_q, shift_q;
  logic [PsumBits-1:0] psum_q;
  logic [15:0]         product;

  assign weight  = swap_i ? waiting_q : active_q;
  assign product = $signed(activation_i) * $signed(weight);

  always_ff @(posedge clk_i) begin
    activation_q <= activation_i;
    swap_q       <= swap_i;
    shift_q      <= shift_i;
    active_q     <= weight;
    if (shift_i) begin
      waiting_q <= weight_i;
    end
    psum_q <= psum_i + {{(PsumBits-16){product[15]}}, product};
  end

  assign activation_o = activation_q;
  assign swap_o       = swap_q;
  assign shift_o      = shift_q;
  assign weight_o     = waiting_q;
  assign psum_o       = psum_q;

endmodule
