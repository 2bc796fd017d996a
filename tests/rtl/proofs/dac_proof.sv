// What must hold of a DAC lane whatever is converted: as many elements are on
// as the code says, in one run around the ring, in every mode and state.
//
// prove.py makes state of the lane visible as ports before this is read.
//
// SPDX-License-Identifier: Apache-2.0
module dac_proof (
  input logic        clk_i,
  input logic [1:0]  dem_i,
  input logic        valid_i,
  input logic [15:0] code_i,
  input logic        knot_we_i,
  input logic        knot_lane_i,
  input logic [4:0]  knot_index_i,
  input logic [7:0]  knot_i
);
  logic [31:0]  unary;
  logic [15:0]  binary, lfsr;
  logic [9:0]   corrected;
  logic         corrected_valid, valid;
  logic [4:0]   first;
  logic [135:0] knots;

  logic        reset_q = 1'b1;
  logic        encoded_q = 1'b0;   // a code was decoded in the last cycle,
  logic        taken_q = 1'b0;     // or taken
  logic        rotated_q, held_q, zero_q;
  logic [9:0]  code_q, in_q;
  logic [4:0]  first_q;
  logic [31:0] unary_q;
  always_ff @(posedge clk_i) begin
    reset_q   <= 1'b0;
    encoded_q <= corrected_valid & ~reset_q;
    taken_q   <= valid_i & ~reset_q;
    held_q    <= ~corrected_valid & ~reset_q;
    rotated_q <= dem_i == 2'd1;
    zero_q    <= knots == 136'd0;
    code_q    <= corrected;
    in_q      <= code_i[9:0];
    first_q   <= first;
    unary_q   <= unary;
  end

  dac_lane lane (
    .clk_i, .rst_ni(~reset_q), .dem_i, .valid_i, .code_i,
    .knot_we_i, .knot_lane_i, .knot_index_i, .knot_i,
    .valid_o(valid), .unary_o(unary), .binary_o(binary),
    .corrected_valid_q(corrected_valid),
    .\gen_lane[0].corrected_q (corrected), .\gen_lane[0].lfsr_q (lfsr),
    .\gen_lane[0].first_q (first), .\gen_lane[0].knot_q (knots));

  function automatic logic [5:0] ones(input logic [31:0] bits);
    ones = 6'd0;
    for (int i = 0; i < 32; i++) ones = ones + 6'(bits[i]);
  endfunction
  // Elements that are on and whose neighbour below is off: runs begin there.
  logic [31:0] begins;
  assign begins = unary & ~{unary[30:0], unary[31]};

  always_comb begin
    if (!reset_q) begin
      assert(!encoded_q || ones(unary) == {1'b0, code_q[9:5]});
      assert(!encoded_q || binary == {11'd0, code_q[4:0]});
      assert(!encoded_q || ones(begins) <= 6'd1);
      // Rotation: the run begins where the last one ended.
      assert(!(encoded_q && rotated_q) || first == first_q + code_q[9:5]);
      // Nothing moves between conversions.
      assert(!held_q || unary == unary_q);
      // A table of zeros corrects nothing.
      assert(!(taken_q && zero_q) || corrected == in_q);
      // The generator never stops.
      assert(lfsr != 16'd0);
    end
  end
endmodule
