// The periphery of one slice of an optical core: vectors come in on one AXI
// stream, are converted to light, back from it and leave on another; an
// AXI4-Lite bus configures, commands and reads out.
//
//   stream -> opt_frame_rx -> dac_slice -> [analog] -> sar_adc_slice
//          -> opt_cal -> opt_post -> opt_frame_tx -> stream
//   bus <-> opt_regs, and opt_seq says when
//
// The analog side is the ports from plane_load_o down: integers and switches.
// A vector that leaves has the header of the one that came, but for its
// length, which is the slice's.
//
// SPDX-License-Identifier: Apache-2.0
module opt_top #(
  parameter int unsigned Lanes = rtl_constants::SarLanes,
  localparam int unsigned BeatBits = rtl_constants::FrameBeatBits,
  localparam int unsigned Words    = rtl_constants::RegisterWords,
  localparam int unsigned Steps    = rtl_constants::SarMaxSteps,
  localparam int unsigned Elements = 1 << rtl_constants::DacUnaryBits
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,

  // AXI4-Lite.
  input  logic                      awvalid_i,
  output logic                      awready_o,
  input  logic [11:0]               awaddr_i,
  input  logic                      wvalid_i,
  output logic                      wready_o,
  input  logic [31:0]               wdata_i,
  input  logic [3:0]                wstrb_i,
  output logic                      bvalid_o,
  input  logic                      bready_i,
  output logic [1:0]                bresp_o,
  input  logic                      arvalid_i,
  output logic                      arready_o,
  input  logic [11:0]               araddr_i,
  output logic                      rvalid_o,
  input  logic                      rready_i,
  output logic [31:0]               rdata_o,
  output logic [1:0]                rresp_o,

  // AXI streams.
  input  logic                      s_tvalid_i,
  output logic                      s_tready_o,
  input  logic [BeatBits-1:0]       s_tdata_i,
  input  logic                      s_tlast_i,
  output logic                      m_tvalid_o,
  input  logic                      m_tready_i,
  output logic [BeatBits-1:0]       m_tdata_o,
  output logic                      m_tlast_o,

  // The plane.
  output logic                      plane_load_o,
  output logic [15:0]               plane_tile_o,
  input  logic                      plane_done_i,

  // Sources: their switches; and what receivers are to see, CalSource*.
  output logic [Lanes*Elements-1:0] unary_o,
  output logic [Lanes*16-1:0]       binary_o,
  output logic [1:0]                source_o,

  // Receivers: capacitors, comparators; delta added, or taken away.
  output logic                      dither_o,
  output logic                      plus_o,
  output logic                      converting_o,
  output logic [3:0]                step_o,
  output logic [Steps*Lanes-1:0]    switch_o,
  input  logic [Lanes-1:0]          comparator_i,
  input  logic [Lanes-1:0]          unresolved_i
);

  localparam int unsigned LaneBits = (Lanes > 1) ? $clog2(Lanes) : 1;

  // ---- Registers ----

  logic [Words*32-1:0] shown, stored;
  logic [Words-1:0]    written;
  logic [31:0]         data;

  opt_regs u_regs (
    .clk_i, .rst_ni, .awvalid_i, .awready_o, .awaddr_i, .wvalid_i, .wready_o,
    .wdata_i, .wstrb_i, .bvalid_o, .bready_i, .bresp_o, .arvalid_i, .arready_o,
    .araddr_i, .rvalid_o, .rready_i, .rdata_o, .rresp_o,
    .read_i(shown), .stored_o(stored), .written_o(written), .data_o(data)
  );

  function automatic int unsigned word_of(input logic [11:0] offset);
    word_of = 32'(offset) / 32'd4;
  endfunction
  localparam int unsigned Command = word_of(rtl_constants::RegCommand);
  localparam int unsigned Credit  = word_of(rtl_constants::RegCredit);
  localparam int unsigned Clear   = word_of(rtl_constants::RegClear);
  localparam int unsigned Weight  = word_of(rtl_constants::RegWeight);
  localparam int unsigned Delta   = word_of(rtl_constants::RegDelta);
  localparam int unsigned Knot    = word_of(rtl_constants::RegKnot);
  localparam int unsigned Coefficient =
      word_of(rtl_constants::RegCoefficient);
  localparam int unsigned LaneWord = word_of(rtl_constants::RegLane);

  logic [31:0] vector, search, calibration, settle_cycles, lane_word, track;
  assign vector = stored[word_of(rtl_constants::RegVector)*32 +: 32];
  assign search = stored[word_of(rtl_constants::RegSearch)*32 +: 32];
  assign calibration =
      stored[word_of(rtl_constants::RegCalibration)*32 +: 32];
  assign settle_cycles =
      stored[word_of(rtl_constants::RegSettleCycles)*32 +: 32];
  assign lane_word = stored[LaneWord*32 +: 32];
  assign track = stored[word_of(rtl_constants::RegTrack)*32 +: 32];

  logic [15:0] optics_cycles;
  logic        pairs, freeze, rails;
  logic [1:0]  dem;
  logic [2:0]  rate, steps;
  logic [9:0]  max_code;
  assign optics_cycles = vector[rtl_constants::VectorOpticsCyclesLsb +: 16];
  assign pairs    = vector[rtl_constants::VectorPairsLsb];
  assign freeze   = vector[rtl_constants::VectorFreezeLsb];
  assign rails    = vector[rtl_constants::VectorRailsLsb];
  assign dem      = vector[rtl_constants::VectorDemLsb +: 2];
  assign rate     = vector[rtl_constants::VectorRateLsb +: 3];
  assign steps    = vector[rtl_constants::VectorStepsLsb +: 3];
  assign max_code = search[rtl_constants::SearchMaxCodeLsb +: 10];

  logic clear_counters, clear_events, clear_saturated;
  assign clear_counters =
      written[Clear] & data[rtl_constants::ClearCountersLsb];
  assign clear_events = written[Clear] & data[rtl_constants::ClearEventsLsb];
  assign clear_saturated =
      written[Clear] & data[rtl_constants::ClearSaturatedLsb];

  // ---- When ----

  logic                frame_valid, frame_take, dac_start, dac_valid;
  logic                sar_start, sar_busy, sar_valid, second;
  logic                result_valid, post_valid, send, sender_ready;
  logic                cal_start, cal_busy, cal_want;
  logic [BeatBits-1:0] frame_header, header_q;
  logic [2:0]          state, phase;
  logic                plane_valid;
  logic [15:0]         credits, refused_commands, refused_vectors;
  logic [31:0]         vectors, idle_cycles, load_cycles, settling_cycles;
  logic [31:0]         work_cycles, frame_stalls, credit_stalls;
  logic [31:0]         drain_cycles, calibrate_cycles;

  opt_seq u_seq (
    .clk_i, .rst_ni,
    .command_valid_i(written[Command]),
    .command_i(data[rtl_constants::CommandCodeLsb +: 3]),
    .tile_i(data[rtl_constants::CommandTileLsb +: 16]),
    .settle_cycles_i(settle_cycles), .optics_cycles_i(optics_cycles),
    .pairs_i(pairs), .credit_valid_i(written[Credit]),
    .credit_i(data[15:0]), .clear_i(clear_counters),
    .plane_load_o, .plane_tile_o, .plane_done_i,
    .frame_valid_i(frame_valid),
    .frame_tile_i(frame_header[rtl_constants::FrameTileLsb +: 16]),
    .frame_take_o(frame_take), .dac_start_o(dac_start),
    .dac_valid_i(dac_valid), .sar_start_o(sar_start), .second_o(second),
    .sar_busy_i(sar_busy), .sar_valid_i(sar_valid),
    .result_valid_i(result_valid), .post_valid_i(post_valid), .send_o(send),
    .sender_ready_i(sender_ready), .calibrate_o(cal_start),
    .calibrate_busy_i(cal_busy), .calibrate_want_i(cal_want),
    .state_o(state), .phase_o(phase), .plane_valid_o(plane_valid),
    .credits_o(credits), .refused_commands_o(refused_commands),
    .refused_vectors_o(refused_vectors), .vectors_o(vectors),
    .idle_cycles_o(idle_cycles), .load_cycles_o(load_cycles),
    .settle_cycles_o(settling_cycles), .work_cycles_o(work_cycles),
    .frame_stalls_o(frame_stalls), .credit_stalls_o(credit_stalls),
    .drain_cycles_o(drain_cycles), .calibrate_cycles_o(calibrate_cycles)
  );

  // ---- Vectors in ----

  logic [Lanes*16-1:0] codes;
  logic [31:0]         frames_in;
  logic [15:0]         crc_errors, format_errors, sequence_errors;

  opt_frame_rx #(.Lanes(Lanes)) u_rx (
    .clk_i, .rst_ni, .clear_i(clear_counters), .s_tvalid_i, .s_tready_o,
    .s_tdata_i, .s_tlast_i, .valid_o(frame_valid), .take_i(frame_take),
    .header_o(frame_header), .code_o(codes), .frames_o(frames_in),
    .crc_errors_o(crc_errors), .format_errors_o(format_errors),
    .sequence_errors_o(sequence_errors)
  );

  always_ff @(posedge clk_i) begin
    if (dac_start) header_q <= frame_header;
  end

  dac_slice #(.Lanes(Lanes)) u_dac (
    .clk_i, .rst_ni, .dem_i(dem), .knot_we_i(written[Knot]),
    .knot_lane_i(data[rtl_constants::KnotLaneLsb +: LaneBits]),
    .knot_index_i(data[rtl_constants::KnotIndexLsb +: 5]),
    .knot_i(data[rtl_constants::KnotValueLsb +: 8]),
    .valid_i(dac_start), .code_i(codes), .valid_o(dac_valid), .unary_o,
    .binary_o
  );

  // ---- Receivers ----

  logic                weight_we, event_snap, coefficient_snap, chain_shift;
  logic [3:0]          weight_step;
  logic [13:0]         weight;
  logic [Lanes*16-1:0] converted, result;
  logic [Lanes-1:0]    metastable, metastable_q;  // the last conversion's
  logic [15:0]         event_count;

  sar_adc_slice #(.Lanes(Lanes)) u_sar (
    .clk_i, .rst_ni, .weight_we_i(weight_we), .weight_step_i(weight_step),
    .weight_i(weight),
    .last_step_i(search[rtl_constants::SearchLastStepLsb +: 4]),
    .max_code_i(max_code),
    .vote_from_i(search[rtl_constants::SearchVoteFromLsb +: 5]),
    .start_i(sar_start), .busy_o(sar_busy), .valid_o(sar_valid),
    .result_o(converted), .metastable_o(metastable),
    .clear_i(clear_events), .snap_i(event_snap),
    .snap_event_i(lane_word[rtl_constants::LaneWhatLsb +: 2]),
    .shift_i(chain_shift), .count_o(event_count),
    .step_o, .switch_o, .comparator_i, .unresolved_i
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      metastable_q <= '0;
    end else if (sar_valid) begin
      metastable_q <= metastable;
    end
  end

  logic                cal_write;
  logic [LaneBits-1:0] cal_lane;
  logic [1:0]          cal_kind;
  logic [15:0]         cal_data, clipped_gains, tracked;
  logic [6*24-1:0]     estimates;
  logic [23:0]         delta_estimate;
  logic [31:0]         pair_count;

  opt_cal #(.Lanes(Lanes)) u_cal (
    .clk_i, .rst_ni, .start_i(cal_start),
    .log2_samples_i(calibration[rtl_constants::CalibrationLog2SamplesLsb +: 4]),
    .optics_cycles_i(optics_cycles),
    .reference_i(calibration[rtl_constants::CalibrationReferenceLsb +: 14]),
    .busy_o(cal_busy), .want_o(cal_want), .source_o, .write_o(cal_write),
    .write_lane_o(cal_lane), .write_kind_o(cal_kind), .write_data_o(cal_data),
    .clipped_gains_o(clipped_gains), .pairs_i(pairs), .freeze_i(freeze),
    .rate_i(rate), .steps_i(steps),
    .track_i(track[rtl_constants::TrackLog2PairsLsb +: 4]),
    .target_i(track[rtl_constants::TrackTargetLsb +: 14]),
    .tracked_o(tracked), .plus_o, .weight_we_i(written[Weight]),
    .weight_step_i(data[rtl_constants::WeightStepLsb +: 4]),
    .weight_i(data[rtl_constants::WeightValueLsb +: 14]),
    .weight_we_o(weight_we), .weight_step_o(weight_step), .weight_o(weight),
    .delta_we_i(written[Delta]),
    .delta_i(data[rtl_constants::DeltaValueLsb +: 14]),
    .estimate_o(estimates), .delta_o(delta_estimate), .pairs_o(pair_count),
    .max_code_i(max_code), .sar_start_i(sar_start), .sar_valid_i(sar_valid),
    .second_i(second), .result_i(converted), .switch_i(switch_o),
    .valid_o(result_valid), .result_o(result)
  );

  // ---- Vectors out ----

  logic [Lanes*16-1:0] values;
  logic [Lanes-1:0]    saturated;
  logic [15:0]         coefficient, first_unused, last_unused;
  logic [31:0]         frames_out, send_stalls;
  logic [BeatBits-1:0] header_out;

  opt_post #(.Lanes(Lanes)) u_post (
    .clk_i, .rst_ni, .write_i(cal_write | written[Coefficient]),
    .write_lane_i(cal_write ? cal_lane
        : data[rtl_constants::CoefficientLaneLsb +: LaneBits]),
    .write_kind_i(cal_write ? cal_kind
        : data[rtl_constants::CoefficientKindLsb +: 2]),
    .write_data_i(cal_write ? cal_data
        : data[rtl_constants::CoefficientValueLsb +: 16]),
    .snap_i(coefficient_snap),
    .snap_kind_i(lane_word[rtl_constants::LaneWhatLsb +: 2]),
    .shift_i(chain_shift), .chain_o(coefficient), .rails_i(rails),
    .clear_i(clear_saturated), .saturated_o(saturated),
    .valid_i(result_valid), .result_i(result), .left_i(16'd0),
    .right_i(16'd0), .first_o(first_unused), .last_o(last_unused),
    .valid_o(post_valid), .value_o(values)
  );
  logic unused_edges;
  assign unused_edges = ^first_unused ^ ^last_unused;

  always_comb begin
    header_out = header_q;
    header_out[rtl_constants::FrameLengthLsb +: 16] = 16'(Lanes);
  end

  opt_frame_tx #(.Lanes(Lanes)) u_tx (
    .clk_i, .rst_ni, .clear_i(clear_counters), .send_i(send),
    .ready_o(sender_ready), .header_i(header_out), .value_i(values),
    .m_tvalid_o, .m_tready_i, .m_tdata_o, .m_tlast_o, .frames_o(frames_out),
    .stalls_o(send_stalls)
  );

  // ---- A lane's value, through the chains ----

  logic       snap_q, ready_q;
  logic [5:0] shifts_q;  // to go
  assign event_snap       = snap_q & ~lane_word[rtl_constants::LaneWhatLsb + 2];
  assign coefficient_snap = snap_q & lane_word[rtl_constants::LaneWhatLsb + 2];
  assign chain_shift      = ~snap_q & ~ready_q & (shifts_q != 6'd0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      snap_q   <= 1'b0;
      ready_q  <= 1'b0;
      shifts_q <= '0;
    end else begin
      snap_q <= written[LaneWord];
      if (written[LaneWord] | snap_q) begin
        ready_q  <= 1'b0;
        shifts_q <= lane_word[rtl_constants::LaneNumberLsb +: 6];
      end else begin
        ready_q <= shifts_q == 6'd0;
        if (shifts_q != 6'd0) shifts_q <= shifts_q - 6'd1;
      end
    end
  end

  // ---- What registers show ----

  logic [63:0] saturated_all, metastable_all;
  assign saturated_all  = 64'(saturated);
  assign metastable_all = 64'(metastable_q);

  // Words that stand for nothing live are zero.
  always_comb begin
    shown = '0;
    shown[word_of(rtl_constants::RegIdentity)*32 +: 32] =
        rtl_constants::IdentityIs;
    shown[word_of(rtl_constants::RegStatus)*32 +: 32] =
        {19'd0, ~sender_ready, frame_valid, sar_busy, cal_busy, plane_valid,
         1'b0, phase, 1'b0, state};
    shown[word_of(rtl_constants::RegLaneValue)*32 +: 32] =
        {ready_q, 15'd0, lane_word[rtl_constants::LaneWhatLsb + 2]
             ? coefficient : event_count};
    shown[word_of(rtl_constants::RegFramesIn)*32 +: 32] = frames_in;
    shown[word_of(rtl_constants::RegCrcErrors)*32 +: 32] = {16'd0, crc_errors};
    shown[word_of(rtl_constants::RegFormatErrors)*32 +: 32] =
        {16'd0, format_errors};
    shown[word_of(rtl_constants::RegSequenceErrors)*32 +: 32] =
        {16'd0, sequence_errors};
    shown[word_of(rtl_constants::RegFramesOut)*32 +: 32] = frames_out;
    shown[word_of(rtl_constants::RegSendStalls)*32 +: 32] = send_stalls;
    shown[word_of(rtl_constants::RegVectors)*32 +: 32] = vectors;
    shown[word_of(rtl_constants::RegRefusedCommands)*32 +: 32] =
        {16'd0, refused_commands};
    shown[word_of(rtl_constants::RegRefusedVectors)*32 +: 32] =
        {16'd0, refused_vectors};
    shown[word_of(rtl_constants::RegCredits)*32 +: 32] = {16'd0, credits};
    shown[word_of(rtl_constants::RegIdleCycles)*32 +: 32] = idle_cycles;
    shown[word_of(rtl_constants::RegLoadCycles)*32 +: 32] = load_cycles;
    shown[word_of(rtl_constants::RegSettlingCycles)*32 +: 32] = settling_cycles;
    shown[word_of(rtl_constants::RegWorkCycles)*32 +: 32] = work_cycles;
    shown[word_of(rtl_constants::RegFrameStalls)*32 +: 32] = frame_stalls;
    shown[word_of(rtl_constants::RegCreditStalls)*32 +: 32] = credit_stalls;
    shown[word_of(rtl_constants::RegDrainCycles)*32 +: 32] = drain_cycles;
    shown[word_of(rtl_constants::RegCalibrateCycles)*32 +: 32] =
        calibrate_cycles;
    shown[word_of(rtl_constants::RegPairs)*32 +: 32] = pair_count;
    shown[word_of(rtl_constants::RegClippedGains)*32 +: 32] =
        {16'd0, clipped_gains};
    shown[word_of(rtl_constants::RegTracked)*32 +: 32] = {16'd0, tracked};
    shown[word_of(rtl_constants::RegDeltaEstimate)*32 +: 32] =
        {8'd0, delta_estimate};
    shown[word_of(rtl_constants::RegWeightEstimate0)*32 +: 32] =
        {8'd0, estimates[0*24 +: 24]};
    shown[word_of(rtl_constants::RegWeightEstimate1)*32 +: 32] =
        {8'd0, estimates[1*24 +: 24]};
    shown[word_of(rtl_constants::RegWeightEstimate2)*32 +: 32] =
        {8'd0, estimates[2*24 +: 24]};
    shown[word_of(rtl_constants::RegWeightEstimate3)*32 +: 32] =
        {8'd0, estimates[3*24 +: 24]};
    shown[word_of(rtl_constants::RegWeightEstimate4)*32 +: 32] =
        {8'd0, estimates[4*24 +: 24]};
    shown[word_of(rtl_constants::RegWeightEstimate5)*32 +: 32] =
        {8'd0, estimates[5*24 +: 24]};
    shown[word_of(rtl_constants::RegSaturatedLow)*32 +: 32] =
        saturated_all[31:0];
    shown[word_of(rtl_constants::RegSaturatedHigh)*32 +: 32] =
        saturated_all[63:32];
    shown[word_of(rtl_constants::RegMetastableLow)*32 +: 32] =
        metastable_all[31:0];
    shown[word_of(rtl_constants::RegMetastableHigh)*32 +: 32] =
        metastable_all[63:32];
  end

  assign dither_o     = pairs & ~cal_busy;
  assign converting_o = sar_busy;

  logic unused_data;
  assign unused_data = ^{data, stored, written, vector, search, calibration,
                         lane_word, track};

endmodule
