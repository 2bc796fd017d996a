// A slice of segmented DAC lanes: the digital side of current steering.
//
// A code is first corrected by the lane's table: 17 knots, a 16th of the
// scale apart, joined by straight lines. All zero, as after reset, they
// correct nothing. The upper UnaryBits of the corrected code then switch on
// that many of 2^UnaryBits equal elements (one more than a code ever needs),
// the rest switches binary elements.
//
// Where the run of unary elements begins is what dem_i chooses. Off: at
// element 0. Rotate: where the last conversion's ended (data-weighted
// averaging), which turns the elements' mismatch into noise pushed away from
// low frequencies. Random: where a generator of the lane's own says, which
// makes it white.
//
// The analog boundary is unary_o and binary_o: what the element switches are
// set to, held until the next code. Two cycles from valid_i to valid_o, and a
// code can follow each cycle.
//
// A converter of fewer bits is one whose low code bits are zero. Lanes are
// registers of their own in a generate-for; sar_adc_slice.sv says why.
//
// SPDX-License-Identifier: Apache-2.0
module dac_slice #(
  parameter int unsigned Lanes       = rtl_constants::DacLanes,
  parameter int unsigned CodeBits    = rtl_constants::DacBits,
  parameter int unsigned UnaryBits   = rtl_constants::DacUnaryBits,
  parameter int unsigned SegmentBits = rtl_constants::DacSegmentBits,
  parameter int unsigned KnotBits    = rtl_constants::DacKnotBits,
  parameter int unsigned KnotFrac    = rtl_constants::DacKnotFracBits,
  parameter int unsigned WordBits    = 16,  // of code_i and binary_o, a lane
  localparam int unsigned BinaryBits = CodeBits - UnaryBits,
  localparam int unsigned Elements   = 1 << UnaryBits,
  localparam int unsigned Knots      = (1 << SegmentBits) + 1,
  localparam int unsigned LaneBits   = (Lanes > 1) ? $clog2(Lanes) : 1,
  localparam int unsigned LfsrBits   = rtl_constants::DacLfsrBits
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic [1:0]                dem_i,  // constant while codes flow

  // Correction table, a knot a cycle: signed, in 2^-KnotFrac LSB.
  input  logic                      knot_we_i,
  input  logic [LaneBits-1:0]       knot_lane_i,
  input  logic [SegmentBits:0]      knot_index_i,
  input  logic [KnotBits-1:0]       knot_i,

  input  logic                      valid_i,
  input  logic [Lanes*WordBits-1:0] code_i,

  output logic                      valid_o,
  output logic [Lanes*Elements-1:0] unary_o,
  output logic [Lanes*WordBits-1:0] binary_o
);

  // A position within a segment, and a correction before it is rounded.
  localparam int unsigned InBits  = CodeBits - SegmentBits;
  localparam int unsigned Fine    = InBits + KnotFrac;
  localparam int unsigned SumBits = CodeBits + KnotBits;

  logic corrected_valid_q, valid_q;
  logic rotate, random;

  assign rotate = dem_i == 2'(rtl_constants::DemRotate);
  assign random = dem_i == 2'(rtl_constants::DemRandom);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      corrected_valid_q <= 1'b0;
      valid_q           <= 1'b0;
    end else begin
      corrected_valid_q <= valid_i;
      valid_q           <= corrected_valid_q;
    end
  end

  // The `count` lowest elements.
  function automatic logic [Elements-1:0] thermometer(
      input logic [UnaryBits-1:0] count);
    thermometer = (Elements'(1) << count) - Elements'(1);
  endfunction

  // A code plus the correction on the line from `low` to `high`, rounded to
  // the nearest code there is.
  function automatic logic [CodeBits-1:0] correct(
      input logic [CodeBits-1:0] code,
      input logic signed [KnotBits-1:0] low,
      input logic signed [KnotBits-1:0] high);
    logic signed [SumBits-1:0] base, rise, along, fine, rounded, sum;
    base  = SumBits'(low);
    rise  = SumBits'(high) - base;
    along = SumBits'(signed'({1'b0, code[InBits-1:0]}));
    fine  = (base <<< InBits) + rise * along + (SumBits'(1) <<< (Fine - 1));
    // On its own: next to an unsigned operand the shift would bring in zeros.
    rounded = fine >>> Fine;
    sum   = SumBits'(signed'({1'b0, code})) + rounded;
    if (sum[SumBits-1]) begin
      correct = '0;
    end else if (|sum[SumBits-2:CodeBits]) begin
      correct = '1;
    end else begin
      correct = sum[CodeBits-1:0];
    end
  endfunction

  // Several steps of a lane's generator: a new place, not a shifted one.
  function automatic logic [LfsrBits-1:0] leap(
      input logic [LfsrBits-1:0] from);
    logic [LfsrBits-1:0] state;
    state = from;
    for (int unsigned i = 0; i < rtl_constants::DacLfsrLeap; i++) begin
      state = {1'b0, state[LfsrBits-1:1]}
            ^ ({LfsrBits{state[0]}} & LfsrBits'(rtl_constants::DacLfsrTaps));
    end
    leap = state;
  endfunction

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    localparam logic [LfsrBits-1:0] Seed = LfsrBits'(
        rtl_constants::DacLfsrSeed + lane * rtl_constants::DacLfsrSeedStep);

    logic [Knots*KnotBits-1:0] knot_q;
    logic [CodeBits-1:0]       corrected_q;
    logic [LfsrBits-1:0]       lfsr_q;
    logic [UnaryBits-1:0]      first_q;   // where the last run ended
    logic [UnaryBits-1:0]      first;     // where the next one begins
    logic [UnaryBits:0]        end_d;     // and where it ends, with the wrap
    logic [Elements-1:0]       unary_q;   // the switches: flops, a decoder's
    logic [BinaryBits-1:0]     binary_q;  // glitches would be light

    logic [CodeBits-1:0]    code;
    logic [SegmentBits-1:0] segment;

    assign code    = code_i[lane*WordBits +: CodeBits];
    assign segment = code[CodeBits-1 -: SegmentBits];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        knot_q <= '0;
      end else if (knot_we_i & (knot_lane_i == LaneBits'(lane))) begin
        knot_q[32'(knot_index_i)*KnotBits +: KnotBits] <= knot_i;
      end
    end

    always_ff @(posedge clk_i) begin
      if (valid_i) begin
        corrected_q <= correct(
            code, knot_q[32'(segment)*KnotBits +: KnotBits],
            knot_q[(32'(segment) + 32'd1)*KnotBits +: KnotBits]);
      end
    end

    assign first = random ? lfsr_q[UnaryBits-1:0] : first_q;
    assign end_d = (UnaryBits+1)'(first)
                 + (UnaryBits+1)'(corrected_q[BinaryBits +: UnaryBits]);

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        first_q  <= '0;
        lfsr_q   <= Seed;
        unary_q  <= '0;
        binary_q <= '0;
      end else if (corrected_valid_q) begin
        first_q  <= rotate ? end_d[UnaryBits-1:0] : '0;
        lfsr_q   <= random ? leap(lfsr_q) : lfsr_q;
        // Between the two marks; outside them once the run has wrapped.
        unary_q  <= thermometer(first)
                  ^ thermometer(end_d[UnaryBits-1:0])
                  ^ {Elements{end_d[UnaryBits]}};
        binary_q <= corrected_q[BinaryBits-1:0];
      end
    end

    assign unary_o[lane*Elements +: Elements] = unary_q;
    assign binary_o[lane*WordBits +: WordBits] = WordBits'(binary_q);

    logic unused_code;
    assign unused_code =
        ^code_i[lane*WordBits + CodeBits +: WordBits - CodeBits];
  end

  assign valid_o = valid_q;

endmodule
