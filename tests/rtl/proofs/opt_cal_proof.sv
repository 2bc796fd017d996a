// What must hold of calibration whatever converters and commands do: vectors
// and gains that are tracked never meet the foreground, a command is never
// kept waiting by what goes on in the background, and the divider divides.
// One lane, which is the whole ring.
//
// prove.py makes state visible as ports before this is read.
//
// SPDX-License-Identifier: Apache-2.0
module opt_cal_proof (
  input logic         clk_i,
  input logic         start_i,
  input logic [3:0]   log2_samples_i,
  input logic [15:0]  optics_cycles_i,
  input logic [13:0]  reference_i,
  input logic         pairs_i,
  input logic         freeze_i,
  input logic [2:0]   rate_i,
  input logic [2:0]   steps_i,
  input logic [3:0]   track_i,
  input logic [13:0]  target_i,
  input logic         weight_we_i,
  input logic [3:0]   weight_step_i,
  input logic [13:0]  weight_i,
  input logic         delta_we_i,
  input logic [13:0]  delta_i,
  input logic [9:0]   max_code_i,
  input logic         sar_start_i,
  input logic         sar_valid_i,
  input logic         second_i,
  input logic [15:0]  result_i,
  input logic [11:0]  switch_i
);
  logic               busy, want, write, valid, spoiled, following, gain;
  logic [1:0]         source, kind;
  logic [2:0]         state;
  logic [5:0]         bits_left;
  logic [15:0]        tracked, clipped;
  logic [24:0]        rest;
  logic signed [25:0] sum;

  // As they were a cycle ago.
  logic        reset_q = 1'b1, known_q = 1'b0;
  logic        busy_q, spoiled_q, following_q, start_q;
  logic [2:0]  state_q;
  logic [15:0] tracked_q, clipped_q;
  always_ff @(posedge clk_i) begin
    reset_q     <= 1'b0;
    known_q     <= ~reset_q;
    busy_q      <= busy;
    spoiled_q   <= spoiled;
    following_q <= following;
    start_q     <= start_i;
    state_q     <= state;
    tracked_q   <= tracked;
    clipped_q   <= clipped;
  end

  calibration cal (
    .clk_i, .rst_ni(~reset_q), .start_i, .log2_samples_i, .optics_cycles_i,
    .reference_i, .busy_o(busy), .want_o(want), .source_o(source),
    .write_o(write), .write_kind_o(kind), .clipped_gains_o(clipped), .pairs_i,
    .freeze_i, .rate_i, .steps_i, .track_i, .target_i, .tracked_o(tracked),
    .weight_we_i, .weight_step_i, .weight_i, .delta_we_i, .delta_i,
    .max_code_i, .sar_start_i, .sar_valid_i, .second_i, .result_i, .switch_i,
    .valid_o(valid), .state_q(state), .gain_q(gain), .following_q(following),
    .bit_q(bits_left), .rest_q(rest),
    .\gen_lane[0].acc_q (sum), .\gen_lane[0].spoiled_q (spoiled));

  localparam logic [2:0] Idle = 3'd0, Wait = 3'd1, Sample = 3'd2,
                         Offset = 3'd3, Load = 3'd4, Divide = 3'd5,
                         Store = 3'd6;
  localparam logic [5:0] NumBits = 6'd38;

  always_comb begin
    if (!reset_q) begin
      assert(state <= Store);
      // The background only divides, for gains, and nobody sees it.
      assert(!following || state == Load || state == Divide || state == Store);
      assert(gain || !(state == Load || state == Divide || state == Store));
      assert(!gain || state != Offset);
      assert(!following || (!busy && !want && source == 2'd0));
      assert(busy || source == 2'd0);
      // The divider: as many steps as there are bits, and what is left is
      // less than the divisor.
      assert(state != Divide || (bits_left >= 6'd1 && bits_left <= NumBits));
      assert(state != Divide || sum <= 26'sd0 || {1'b0, rest} < sum);
    end
    if (known_q) begin
      // No result of a vector while the foreground runs.
      assert(!valid || !busy_q);
      // A command is taken at once.
      assert(!start_q || busy_q || state == Wait);
      // Coefficients: offsets in the foreground alone, gains of lanes whose
      // window is sound.
      assert(!write || state_q == Offset || state_q == Store);
      assert(!write || kind == ((state_q == Offset) ? 2'd0 : 2'd1));
      assert(!write || !following_q || !spoiled_q);
      // A window counts when its last gain is done; nothing else does.
      assert(tracked == tracked_q
             || (following_q && state_q == Store && !following
                 && tracked == tracked_q + 16'd1));
      assert(!following_q || clipped == clipped_q || start_q);
    end
  end
endmodule
