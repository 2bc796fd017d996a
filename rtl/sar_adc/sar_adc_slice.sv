// A slice of redundant successive-approximation ADC lanes.
//
// One sequencer steps all lanes through the same search. At step k every
// lane's capacitor array shows its comparator the capacitors kept so far plus
// capacitor k; the comparator's bit says whether to keep it. The weights sum
// to full scale with more steps than bits, so that a wrong early decision is
// made good by later ones. What a kept capacitor is worth to the digital sum
// is a register, not a constant: calibration writes what it measured.
//
// The analog boundary is comparator_i, step_o and switch_o. Steps + 2 cycles
// from start_i to valid_o; a new start_i is taken while valid_o is high.
//
// Lanes are registers of their own in a generate-for: one packed register for
// all lanes is 3 to 200 times slower under Verilator, by lane count. Nothing
// combinational depends on an input either, for Verilator would evaluate it
// on both clock edges (measured: 11 to 17 M conversions/s); the addition is
// masked, not conditional, because the comparator's bits are unpredictable
// branches otherwise (17 to 27 M/s).
//
// SPDX-License-Identifier: Apache-2.0
module sar_adc_slice #(
  parameter int unsigned Lanes    = 64,
  parameter int unsigned CodeBits = 10,  // at most; max_code_i narrows it
  parameter int unsigned Steps    = 12,  // at most; last_step_i shortens it
  parameter int unsigned FracBits = 4,   // a weight is in 2^-FracBits LSB
  parameter int unsigned WordBits = 16,  // of code_o, a lane
  localparam int unsigned StepBits   = $clog2(Steps),
  localparam int unsigned WeightBits = CodeBits + FracBits
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,

  // Weights, one a cycle, and the length of the search. Only while idle.
  input  logic                      weight_we_i,
  input  logic [StepBits-1:0]       weight_step_i,
  input  logic [WeightBits-1:0]     weight_i,
  input  logic [StepBits-1:0]       last_step_i,
  input  logic [CodeBits-1:0]       max_code_i,

  // Conversion.
  input  logic                      start_i,
  output logic                      busy_o,
  output logic                      valid_o,
  output logic [Lanes*WordBits-1:0] code_o,

  // Analog boundary: the capacitor on trial, the switches of the capacitors
  // decided so far (bit step * Lanes + lane), the comparators' answers.
  output logic [StepBits-1:0]       step_o,
  output logic [Steps*Lanes-1:0]    switch_o,
  input  logic [Lanes-1:0]          comparator_i
);

  localparam int unsigned SumBits = WeightBits + StepBits;
  // Sums start at half an LSB: dropping the fraction then rounds.
  localparam logic [SumBits-1:0] HalfLsb = SumBits'(1) << (FracBits - 1);

  logic [Steps*WeightBits-1:0] weight_q;
  logic [Steps*Lanes-1:0]      switch_q;
  logic [StepBits-1:0]         step_q;
  logic                        busy_q, round_q, valid_q;

  logic                        start, last;
  logic [SumBits-1:0]          weight, limit;

  assign start  = start_i & ~busy_q & ~round_q;
  assign last   = busy_q & (step_q == last_step_i);
  assign weight = SumBits'(weight_q[32'(step_q)*WeightBits +: WeightBits]);
  assign limit  = SumBits'({max_code_i, {FracBits{1'b0}}});

  always_ff @(posedge clk_i) begin
    if (weight_we_i) begin
      weight_q[32'(weight_step_i)*WeightBits +: WeightBits] <= weight_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      round_q <= 1'b0;
      valid_q <= 1'b0;
      step_q  <= '0;
    end else begin
      busy_q  <= start | (busy_q & ~last);
      round_q <= last;
      valid_q <= round_q;
      if (start) begin
        step_q <= '0;
      end else if (busy_q & ~last) begin
        step_q <= step_q + StepBits'(1);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start) begin
      switch_q <= '0;
    end else if (busy_q) begin
      switch_q[32'(step_q)*Lanes +: Lanes] <= comparator_i;
    end
  end

  // Not reset: a conversion begins by writing them.
  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic [SumBits-1:0]  sum_q;
    logic [CodeBits-1:0] code_q;

    always_ff @(posedge clk_i) begin
      if (busy_q) begin
        sum_q <= sum_q + (weight & {SumBits{comparator_i[lane]}});
      end else begin
        sum_q <= HalfLsb;
      end
      if (round_q) begin
        code_q <= (sum_q >= limit) ? max_code_i : sum_q[FracBits +: CodeBits];
      end
    end

    assign code_o[lane*WordBits +: WordBits] = WordBits'(code_q);
  end

  assign busy_o   = busy_q | round_q;
  assign valid_o  = valid_q;
  assign step_o   = step_q;
  assign switch_o = switch_q;

endmodule
