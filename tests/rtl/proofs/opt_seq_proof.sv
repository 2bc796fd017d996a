// What must hold of the sequencer whatever the blocks around it answer: no
// vector sets out on a plane that moves, none without a credit, one at a time.
//
// SPDX-License-Identifier: Apache-2.0
module opt_seq_proof (
  input logic        clk_i,
  input logic        command_valid_i,
  input logic [2:0]  command_i,
  input logic [15:0] tile_i,
  input logic [31:0] settle_cycles_i,
  input logic [15:0] optics_cycles_i,
  input logic        pairs_i,
  input logic        credit_valid_i,
  input logic [15:0] credit_i,
  input logic        clear_i,
  input logic        plane_done_i,
  input logic        frame_valid_i,
  input logic [15:0] frame_tile_i,
  input logic        dac_valid_i,
  input logic        sar_busy_i,
  input logic        sar_valid_i,
  input logic        result_valid_i,
  input logic        post_valid_i,
  input logic        sender_ready_i,
  input logic        calibrate_busy_i,
  input logic        calibrate_want_i
);
  logic        plane_load, frame_take, dac_start, sar_start, second, send;
  logic        calibrate, plane_valid;
  logic [15:0] plane_tile, credits, refused_commands, refused_vectors;
  logic [2:0]  state, phase;
  logic [31:0] vectors, idle, load, settle, work, frames, credit_stalls, drain;
  logic [31:0] calibrating;

  logic        reset_q = 1'b1;
  logic        counted_q = 1'b0;  // not cleared: counters go up from here
  // Which counters have moved: their lowest bits tell.
  logic [7:0]  odd, odd_q, moved;
  assign odd = {idle[0], load[0], settle[0], work[0], frames[0],
                credit_stalls[0], drain[0], calibrating[0]};
  assign moved = odd ^ odd_q;
  always_ff @(posedge clk_i) begin
    reset_q   <= 1'b0;
    counted_q <= ~reset_q & ~clear_i;
    odd_q     <= odd;
  end

  sequencer seq (
    .clk_i, .rst_ni(~reset_q), .command_valid_i, .command_i, .tile_i,
    .settle_cycles_i, .optics_cycles_i, .pairs_i, .credit_valid_i, .credit_i,
    .clear_i, .plane_load_o(plane_load), .plane_tile_o(plane_tile),
    .plane_done_i, .frame_valid_i, .frame_tile_i, .frame_take_o(frame_take),
    .dac_start_o(dac_start), .dac_valid_i, .sar_start_o(sar_start),
    .second_o(second), .sar_busy_i, .sar_valid_i, .result_valid_i,
    .post_valid_i, .send_o(send), .sender_ready_i, .calibrate_o(calibrate),
    .calibrate_busy_i, .calibrate_want_i, .state_o(state), .phase_o(phase),
    .plane_valid_o(plane_valid), .credits_o(credits),
    .refused_commands_o(refused_commands),
    .refused_vectors_o(refused_vectors), .vectors_o(vectors),
    .idle_cycles_o(idle), .load_cycles_o(load), .settle_cycles_o(settle),
    .work_cycles_o(work), .frame_stalls_o(frames),
    .credit_stalls_o(credit_stalls), .drain_cycles_o(drain),
    .calibrate_cycles_o(calibrating));

  localparam logic [2:0] Idle = 3'd0, Load = 3'd1, Settle = 3'd2,
                         Stream = 3'd3, Drain = 3'd4, Calibrate = 3'd5;

  always_comb begin
    if (!reset_q) begin
      assert(state <= Calibrate && phase <= 3'd5);
      // The plane stands still while vectors are about.
      assert(!(state == Stream || state == Drain) || plane_valid);
      assert(!(state == Load || state == Settle) || !plane_valid);
      assert(phase == 3'd0 || state == Stream || state == Drain);
      assert(!dac_start || (state == Stream && plane_valid && !plane_load));
      // For the plane that is there, against a credit, one at a time.
      assert(!dac_start || (frame_valid_i && frame_take));
      assert(!dac_start || frame_tile_i == plane_tile);
      assert(!dac_start || credits != 16'd0);
      assert(!dac_start || phase == 3'd0);
      assert(!send || sender_ready_i);
      // Calibration has the converters for itself.
      assert(!calibrate || (state == Calibrate && phase == 3'd0));
      // Every cycle is counted, once.
      assert(!counted_q || (moved != 8'd0 && (moved & (moved - 8'd1)) == 8'd0));
    end
  end
endmodule
