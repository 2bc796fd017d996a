// A slice of segmented DAC lanes: the digital side of current steering.
//
// The upper UnaryBits of a code switch on that many of 2^UnaryBits equal
// elements (one more than a code ever needs), the rest switches binary
// elements. With rotate_i each conversion takes up where the last one's
// elements ended (data-weighted averaging), which turns the elements'
// mismatch into noise pushed away from low frequencies.
//
// The analog boundary is unary_o and binary_o: what the element switches are
// set to, held until the next valid_i. One cycle from valid_i to valid_o.
//
// A converter of fewer bits is one whose low code bits are zero. Lanes are
// registers of their own in a generate-for; sar_adc_slice.sv says why.
//
// SPDX-License-Identifier: Apache-2.0
module dac_slice #(
  parameter int unsigned Lanes     = 64,
  parameter int unsigned CodeBits  = 10,
  parameter int unsigned UnaryBits = 5,
  parameter int unsigned WordBits  = 16,  // of code_i and binary_o, a lane
  localparam int unsigned BinaryBits = CodeBits - UnaryBits,
  localparam int unsigned Elements   = 1 << UnaryBits
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      rotate_i,

  input  logic                      valid_i,
  input  logic [Lanes*WordBits-1:0] code_i,

  output logic                      valid_o,
  output logic [Lanes*Elements-1:0] unary_o,
  output logic [Lanes*WordBits-1:0] binary_o
);

  logic valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
    end else begin
      valid_q <= valid_i;
    end
  end

  // The `count` lowest elements.
  function automatic logic [Elements-1:0] thermometer(
      input logic [UnaryBits-1:0] count);
    thermometer = (Elements'(1) << count) - Elements'(1);
  endfunction

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic [UnaryBits-1:0]  first_q;   // where the next run of elements begins
    logic [UnaryBits:0]    end_d;     // and where it ends, with the wrap
    logic [Elements-1:0]   unary_q;   // the switches: flops, for a decoder's
    logic [BinaryBits-1:0] binary_q;  // output would glitch into the analog

    assign end_d = (UnaryBits+1)'(first_q)
        + (UnaryBits+1)'(code_i[lane*WordBits + BinaryBits +: UnaryBits]);

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        first_q  <= '0;
        unary_q  <= '0;
        binary_q <= '0;
      end else if (valid_i) begin
        first_q  <= rotate_i ? end_d[UnaryBits-1:0] : '0;
        // Between the two marks; outside them once the run has wrapped.
        unary_q  <= thermometer(first_q)
                  ^ thermometer(end_d[UnaryBits-1:0])
                  ^ {Elements{end_d[UnaryBits]}};
        binary_q <= code_i[lane*WordBits +: BinaryBits];
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
