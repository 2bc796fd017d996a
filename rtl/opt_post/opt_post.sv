// What becomes of a slice's codes: offset and gain per lane, the neighbours'
// crosstalk taken out again, rails subtracted.
//
//   y = sat((x - offset) * gain)         x in 1/16 LSB, gain in Q2.14
//   z = sat(y + left * y[lane - 1] + right * y[lane + 1])
//   value = z, or of rails: z - z[lane + 1] on even lanes, 0 on odd ones
//
// Products are rounded to nearest, halves up; sat() clips to 16 bits, signed,
// and raises the lane's flag, which stays until clear_i. Beyond the slice's
// ends the neighbours are first_o and last_o of the adjoining slices, in step
// with this one, and zero at the ends of the array.
//
// Three cycles from valid_i to valid_o; a vector can follow each cycle. Its
// flags are complete a cycle after it.
// Coefficients are written one a cycle and read through a chain, as the
// counters in sar_adc_slice.sv, and only while no vector is on its way.
//
// SPDX-License-Identifier: Apache-2.0
module opt_post #(
  parameter int unsigned Lanes    = rtl_constants::SarLanes,
  parameter int unsigned Gain     = rtl_constants::PostGainFracBits,
  parameter int unsigned Tap      = rtl_constants::PostTapFracBits,
  parameter int unsigned InBits   = 14,  // of result_i that are looked at
  localparam int unsigned WordBits = 16,
  localparam int unsigned LaneBits = (Lanes > 1) ? $clog2(Lanes) : 1
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,

  input  logic                      write_i,
  input  logic [LaneBits-1:0]       write_lane_i,
  input  logic [1:0]                write_kind_i,
  input  logic [WordBits-1:0]       write_data_i,
  input  logic                      snap_i,
  input  logic [1:0]                snap_kind_i,
  input  logic                      shift_i,
  output logic [WordBits-1:0]       chain_o,
  input  logic                      rails_i,  // constant while vectors flow
  input  logic                      clear_i,
  output logic [Lanes-1:0]          saturated_o,

  input  logic                      valid_i,
  input  logic [Lanes*WordBits-1:0] result_i,
  input  logic [WordBits-1:0]       left_i,
  input  logic [WordBits-1:0]       right_i,
  output logic [WordBits-1:0]       first_o,
  output logic [WordBits-1:0]       last_o,

  output logic                      valid_o,
  output logic [Lanes*WordBits-1:0] value_o
);

  localparam int unsigned Wide = 36;  // the largest product, and a sum of two
  localparam logic [1:0] Offset = 2'(rtl_constants::PostCoefficientOffset);
  localparam logic [1:0] GainOf = 2'(rtl_constants::PostCoefficientGain);
  localparam logic [1:0] Left   = 2'(rtl_constants::PostCoefficientLeft);

  // The nearest value that fits; above it, whether it is another one.
  function automatic logic [WordBits:0] clip(
      input logic signed [Wide-1:0] value);
    clip = (&value[Wide-1:WordBits-1] | ~|value[Wide-1:WordBits-1])
        ? {1'b0, value[WordBits-1:0]}
        : {1'b1, value[Wide-1], {WordBits-1{~value[Wide-1]}}};
  endfunction
  function automatic logic signed [Wide-1:0] extend(
      input logic signed [WordBits-1:0] value);
    extend = Wide'(value);
  endfunction
  // The input and the gain have no sign.
  function automatic logic signed [Wide-1:0] scaled(
      input logic [InBits-1:0] x, input logic [WordBits-1:0] offset,
      input logic [WordBits-1:0] gain);
    logic signed [Wide-1:0] wide_x, wide_gain, product;
    wide_x    = {{Wide-InBits{1'b0}}, x};
    wide_gain = {{Wide-WordBits{1'b0}}, gain};
    product   = (wide_x - extend(offset)) * wide_gain
              + (Wide'(1) << (Gain - 1));
    scaled = product >>> Gain;
  endfunction
  function automatic logic signed [Wide-1:0] freed(
      input logic [WordBits-1:0] y,
      input logic [WordBits-1:0] left_tap, input logic [WordBits-1:0] left,
      input logic [WordBits-1:0] right_tap, input logic [WordBits-1:0] right);
    logic signed [Wide-1:0] leaked, rounded;
    leaked = extend(left_tap) * extend(left) + extend(right_tap) * extend(right)
           + (Wide'(1) << (Tap - 1));
    // On its own: next to an unsigned operand the shift would bring in zeros.
    rounded = leaked >>> Tap;
    freed = extend(y) + rounded;
  endfunction

  logic scaled_q, freed_q, valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      scaled_q <= 1'b0;
      freed_q  <= 1'b0;
      valid_q  <= 1'b0;
    end else begin
      scaled_q <= valid_i;
      freed_q  <= scaled_q;
      valid_q  <= freed_q;
    end
  end

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic [WordBits-1:0] offset_q, gain_q, left_q, right_q, chain_q;
    logic [WordBits-1:0] y_q, z_q, value_q;
    logic                y_clipped_q, z_clipped_q, clipped_q, saturated_q;
    logic [WordBits-1:0] y_left, y_right, z_other, next;
    logic                write;

    assign write = write_i & (write_lane_i == LaneBits'(lane));

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        offset_q <= '0;
        gain_q   <= WordBits'(1) << Gain;
        left_q   <= '0;
        right_q  <= '0;
      end else if (write) begin
        case (write_kind_i)
          Offset:  offset_q <= write_data_i;
          GainOf:  gain_q   <= write_data_i;
          Left:    left_q   <= write_data_i;
          default: right_q  <= write_data_i;
        endcase
      end
    end

    always_ff @(posedge clk_i) begin
      if (snap_i) begin
        case (snap_kind_i)
          Offset:  chain_q <= offset_q;
          GainOf:  chain_q <= gain_q;
          Left:    chain_q <= left_q;
          default: chain_q <= right_q;
        endcase
      end else if (shift_i) begin
        chain_q <= next;
      end
    end

    if (lane == 0) begin : gen_left
      assign y_left = left_i;
    end else begin : gen_left
      assign y_left = gen_lane[lane-1].y_q;
    end
    if (lane + 1 < Lanes) begin : gen_right
      assign y_right = gen_lane[lane+1].y_q;
      assign z_other = gen_lane[lane+1].z_q;
      assign next    = gen_lane[lane+1].chain_q;
    end else begin : gen_right
      assign y_right = right_i;
      assign z_other = '0;
      assign next    = '0;
    end

    // What the other rail takes away, and whether there is one.
    logic                       dark;
    logic signed [Wide-1:0]     taken;
    if (lane % 2 == 0) begin : gen_value
      assign dark  = 1'b0;
      assign taken = rails_i ? extend(z_other) : '0;
    end else begin : gen_value
      assign dark  = rails_i;
      assign taken = '0;
      logic unused_other;
      assign unused_other = ^z_other;
    end

    always_ff @(posedge clk_i) begin
      if (valid_i) begin
        {y_clipped_q, y_q} <= clip(scaled(
            result_i[lane*WordBits +: InBits], offset_q, gain_q));
      end
      if (scaled_q) begin
        {z_clipped_q, z_q} <= clip(freed(
            y_q, left_q, y_left, right_q, y_right));
      end
      if (freed_q) begin
        {clipped_q, value_q} <= clip(dark ? '0 : extend(z_q) - taken);
      end
      if (!rst_ni | clear_i) begin
        saturated_q <= 1'b0;
      end else begin
        saturated_q <= saturated_q | (scaled_q & y_clipped_q)
                     | (freed_q & z_clipped_q) | (valid_q & clipped_q);
      end
    end

    assign value_o[lane*WordBits +: WordBits] = value_q;
    assign saturated_o[lane] = saturated_q;

    logic unused_result;
    assign unused_result = ^result_i[lane*WordBits + InBits
                                     +: WordBits - InBits];
  end

  assign first_o = gen_lane[0].y_q;
  assign last_o  = gen_lane[Lanes-1].y_q;
  assign chain_o = gen_lane[0].chain_q;
  assign valid_o = valid_q;

endmodule
