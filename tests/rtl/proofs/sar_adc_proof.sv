// What must hold of a SAR lane whatever its comparators say. Two slices of
// one lane run side by side with equal registers; where one's comparator says
// 1, so does the other's.
//
// prove.py makes state of the lane visible as ports before this is read.
//
// SPDX-License-Identifier: Apache-2.0
module sar_adc_proof (
  input logic        clk_i,
  input logic        start_i,
  input logic        lower_i,       // the comparators of the one,
  input logic        more_i,        // and what the other's add to it
  input logic        unresolved_i,
  input logic        clear_i,
  input logic        write_i,
  input logic [3:0]  weight_step_i,
  input logic [13:0] weight_i,
  input logic [3:0]  last_step_i,
  input logic [9:0]  max_code_i,
  input logic [4:0]  vote_from_i
);
  logic       reset_q = 1'b1;
  logic       converted_q = 1'b0;  // there was a conversion,
  logic [9:0] limit_q;             // with this as its largest code
  logic [3:0] last_step_q;
  logic [9:0] max_code_q;
  logic [4:0] vote_from_q;
  always_ff @(posedge clk_i) begin
    reset_q     <= 1'b0;
    converted_q <= (converted_q | round_a) & ~reset_q;
    limit_q     <= round_a ? max_code_i : limit_q;
    last_step_q <= last_step_i;
    max_code_q  <= max_code_i;
    vote_from_q <= vote_from_i;
  end

  logic         busy_a, busy_b, round_a, round_b, valid_a, valid_b;
  logic [3:0]   step_a, step_b;
  logic [1:0]   look_a, look_b;
  logic         first_a, first_b, second_a, second_b;
  logic [11:0]  switch_a, switch_b;
  logic [17:0]  sum_a, sum_b;
  logic [15:0]  result_a, result_b, top_a, top_b, bottom_a, bottom_b;
  logic [167:0] weight_a, weight_b;

  logic write;
  assign write = write_i & ~busy_a & ~round_a & ~start_i;

  sar_lane a (
    .clk_i, .rst_ni(~reset_q), .start_i, .unresolved_i, .clear_i,
    .weight_we_i(write), .weight_step_i, .weight_i,
    .last_step_i, .max_code_i, .vote_from_i, .comparator_i(lower_i),
    .snap_i(1'b0), .snap_event_i(2'd0), .shift_i(1'b0),
    .valid_o(valid_a), .result_o(result_a), .switch_o(switch_a),
    .busy_q(busy_a), .round_q(round_a), .step_q(step_a), .look_q(look_a),
    .first_q(first_a), .second_q(second_a), .weight_q(weight_a),
    .\gen_lane[0].sum_q (sum_a), .\gen_lane[0].top_q (top_a),
    .\gen_lane[0].bottom_q (bottom_a));
  sar_lane b (
    .clk_i, .rst_ni(~reset_q), .start_i, .unresolved_i, .clear_i,
    .weight_we_i(write), .weight_step_i, .weight_i,
    .last_step_i, .max_code_i, .vote_from_i, .comparator_i(lower_i | more_i),
    .snap_i(1'b0), .snap_event_i(2'd0), .shift_i(1'b0),
    .valid_o(valid_b), .result_o(result_b), .switch_o(switch_b),
    .busy_q(busy_b), .round_q(round_b), .step_q(step_b), .look_q(look_b),
    .first_q(first_b), .second_q(second_b), .weight_q(weight_b),
    .\gen_lane[0].sum_q (sum_b), .\gen_lane[0].top_q (top_b),
    .\gen_lane[0].bottom_q (bottom_b));

  localparam logic [17:0] Half = 18'd8, Largest = 18'h3FFF;

  always_comb begin
    // A search that the slice is built for; the same weights in both.
    assume(last_step_i < 4'd12);
    assume(weight_step_i < 4'd12);
    assume(weight_a == weight_b);
    assume(!(busy_a || round_a) || (last_step_i == last_step_q
        && max_code_i == max_code_q && vote_from_i == vote_from_q));
    if (!reset_q) begin
      // The two never get out of step.
      assert(busy_a == busy_b && round_a == round_b && valid_a == valid_b);
      assert(step_a == step_b && look_a == look_b);
      // The search stays within its steps, a step within its looks.
      assert(!(busy_a && round_a));
      assert(!busy_a || step_a <= last_step_i);
      assert(look_a <= 2'd2);
      assert(busy_a || look_a == 2'd0);
      // The sum cannot overflow: 12 weights and the half fit.
      assert(!busy_a || sum_a <= Half + 18'(step_a) * Largest);
      assert(!busy_b || sum_b <= Half + 18'(step_b) * Largest);
      assert(!round_a || sum_a <= Half + 18'd12 * Largest);
      // Monotone in every decision: more ones, no fewer votes, no smaller
      // sum, no smaller code.
      assert(!busy_a || (first_a <= first_b && second_a <= second_b));
      assert(!(busy_a || round_a) || sum_a <= sum_b);
      assert(!(busy_a || round_a) || (switch_a & ~switch_b) == 12'd0);
      assert(!converted_q || result_a <= result_b);
      // Never out of range.
      assert(!converted_q || result_a <= {2'd0, limit_q, 4'd0});
      assert(!converted_q || result_b <= {2'd0, limit_q, 4'd0});
      // And so with the counters of the ends.
      assert(top_a <= top_b && bottom_a >= bottom_b);
    end
  end
endmodule
