// A slice of redundant successive-approximation ADC lanes.
//
// One sequencer steps all lanes through the same search. At step k every
// lane's capacitor array shows its comparator the capacitors kept so far plus
// capacitor k; the comparator's bit says whether to keep it. The weights sum
// to full scale with more steps than bits, so that a wrong early decision is
// made good by later ones; from step vote_from_i on, where nothing can be made
// good any more, the majority of three looks decides. What a kept capacitor is
// worth to the digital sum is a register, not a constant: calibration writes
// what it measured.
//
// The analog boundary is comparator_i, unresolved_i, step_o and switch_o.
// Looks + 2 cycles from start_i to valid_o, a look being a step or one of a
// step's three; a new start_i is taken while valid_o is high.
//
// Each lane counts what became of its conversions. The counters are read
// through a chain: snap_i copies one of each lane's into it, shift_i moves the
// chain on by a lane. Conversions go on meanwhile.
//
// Lanes are registers of their own in a generate-for: one packed register for
// all lanes is 3 to 200 times slower under Verilator, by lane count. Nothing
// per lane and combinational depends on an input either, for Verilator would
// evaluate it on both clock edges (measured: 11 to 17 M conversions/s); the
// addition is masked, not conditional, because the comparator's bits are
// unpredictable branches otherwise (17 to 27 M/s). And counters are not
// gathered into one wide signal to be read: it would be put together anew
// each cycle.
//
// SPDX-License-Identifier: Apache-2.0
module sar_adc_slice #(
  parameter int unsigned Lanes     = rtl_constants::SarLanes,
  // At most; max_code_i narrows it.
  parameter int unsigned CodeBits  = rtl_constants::SarMaxBits,
  // At most; last_step_i shortens it.
  parameter int unsigned Steps     = rtl_constants::SarMaxSteps,
  // A weight is in 2^-FracBits LSB.
  parameter int unsigned FracBits  = rtl_constants::SarWeightFracBits,
  parameter int unsigned CountBits = rtl_constants::SarCountBits,
  parameter int unsigned WordBits  = 16,  // of result_o, a lane
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
  input  logic [StepBits:0]         vote_from_i,  // beyond last_step_i: never

  // Conversion. A lane's word: its code, then FracBits of fraction.
  input  logic                      start_i,
  output logic                      busy_o,
  output logic                      valid_o,
  output logic [Lanes*WordBits-1:0] result_o,
  output logic [Lanes-1:0]          metastable_o,

  // Event counters.
  input  logic                      clear_i,
  input  logic                      snap_i,
  input  logic [1:0]                snap_event_i,
  input  logic                      shift_i,
  output logic [CountBits-1:0]      count_o,

  // Analog boundary: the capacitor on trial, the switches of the capacitors
  // decided so far (bit step * Lanes + lane), the comparators' answers, and
  // which of them had not settled on it when asked.
  output logic [StepBits-1:0]       step_o,
  output logic [Steps*Lanes-1:0]    switch_o,
  input  logic [Lanes-1:0]          comparator_i,
  input  logic [Lanes-1:0]          unresolved_i
);

  localparam int unsigned SumBits = WeightBits + StepBits;
  // Sums start at half an LSB: dropping the fraction then rounds.
  localparam logic [SumBits-1:0] HalfLsb = SumBits'(1) << (FracBits - 1);
  localparam logic [SumBits-1:0] OneLsb  = SumBits'(1) << FracBits;

  logic [Steps*WeightBits-1:0] weight_q;
  logic [Steps*Lanes-1:0]      switch_q;
  logic [StepBits-1:0]         step_q;
  logic [1:0]                  look_q;
  logic                        busy_q, round_q, valid_q;
  // Looks before the deciding one. As long as there is none they disagree,
  // which leaves the decision to the comparator.
  logic [Lanes-1:0]            first_q, second_q;
  logic [Lanes-1:0]            metastable_q;

  logic                        start, voted, decide, last;
  logic [SumBits-1:0]          weight, limit;
  logic [Lanes-1:0]            keep;

  assign start  = start_i & ~busy_q & ~round_q;
  assign voted  = {1'b0, step_q} >= vote_from_i;
  assign decide = busy_q & (~voted | look_q[1]);
  assign last   = decide & (step_q == last_step_i);
  assign weight = SumBits'(weight_q[32'(step_q)*WeightBits +: WeightBits])
                & {SumBits{decide}};
  assign limit  = SumBits'({max_code_i, {FracBits{1'b0}}});
  assign keep   = (first_q & second_q) | (comparator_i & (first_q | second_q));

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
      look_q  <= '0;
    end else begin
      busy_q  <= start | (busy_q & ~last);
      round_q <= last;
      valid_q <= round_q;
      if (start) begin
        step_q <= '0;
      end else if (decide & ~last) begin
        step_q <= step_q + StepBits'(1);
      end
      look_q <= (busy_q & ~decide) ? look_q + 2'd1 : 2'd0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!busy_q | decide) begin
      first_q  <= '1;
      second_q <= '0;
    end else if (look_q[0]) begin
      second_q <= comparator_i;
    end else begin
      first_q  <= comparator_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start) begin
      switch_q <= '0;
    end else if (decide) begin
      switch_q[32'(step_q)*Lanes +: Lanes] <= keep;
    end
    if (start) begin
      metastable_q <= '0;
    end else if (busy_q) begin
      metastable_q <= metastable_q | unresolved_i;
    end
  end

  // Results are not reset: a conversion begins by writing them.
  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic [SumBits-1:0]    sum_q;
    logic [WeightBits-1:0] result_q;
    logic [CountBits-1:0]  top_q, bottom_q, metastable_count_q, chain_q, next;

    if (lane + 1 < Lanes) begin : gen_next
      assign next = gen_lane[lane+1].chain_q;
    end else begin : gen_next
      assign next = '0;
    end

    always_ff @(posedge clk_i) begin
      if (busy_q) begin
        sum_q <= sum_q + (weight & {SumBits{keep[lane]}});
      end else begin
        sum_q <= HalfLsb;
      end
      if (round_q) begin
        result_q <= WeightBits'((sum_q >= limit) ? limit : sum_q);
      end
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni | clear_i) begin
        top_q              <= '0;
        bottom_q           <= '0;
        metastable_count_q <= '0;
      end else if (round_q) begin
        top_q    <= top_q + CountBits'({(sum_q >= limit) & ~&top_q});
        bottom_q <= bottom_q + CountBits'({(sum_q < OneLsb) & ~&bottom_q});
        metastable_count_q <= metastable_count_q
            + CountBits'({metastable_q[lane] & ~&metastable_count_q});
      end
    end

    always_ff @(posedge clk_i) begin
      if (snap_i) begin
        case (snap_event_i)
          2'(rtl_constants::SarEventTop):    chain_q <= top_q;
          2'(rtl_constants::SarEventBottom): chain_q <= bottom_q;
          default:                           chain_q <= metastable_count_q;
        endcase
      end else if (shift_i) begin
        chain_q <= next;
      end
    end

    assign result_o[lane*WordBits +: WordBits] = WordBits'(result_q);
  end

  assign busy_o       = busy_q | round_q;
  assign valid_o      = valid_q;
  assign step_o       = step_q;
  assign switch_o     = switch_q;
  assign metastable_o = metastable_q;
  assign count_o      = gen_lane[0].chain_q;

endmodule
