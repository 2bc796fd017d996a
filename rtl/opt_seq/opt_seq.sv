// What happens when: planes are loaded and settle, vectors stream through the
// converters, the pipeline drains, receivers are calibrated.
//
// Commands are taken in the idle state, drain in the stream state too. A
// command elsewhere is refused and counted, and so is one to stream while no
// plane has settled: no vector meets a plane that still moves. In the stream
// state a vector sets out when the converters are free, there is a frame and
// a credit, and the frame is for the plane that is loaded; one for another
// plane is dropped and counted. Whoever reads the results grants credits.
//
// One vector is on its way at a time; the next one's frame arrives meanwhile.
// Every cycle since the reset is counted once: as idle, loading, settling,
// working on a vector, waiting for a frame, for a credit, draining or
// calibrating. Counters wrap.
//
// SPDX-License-Identifier: Apache-2.0
module opt_seq (
  input  logic        clk_i,
  input  logic        rst_ni,

  // Commands and settings; settings are constant but in the idle state.
  input  logic        command_valid_i,
  input  logic [2:0]  command_i,        // rtl_constants::SeqCommand*
  input  logic [15:0] tile_i,           // that load loads
  input  logic [31:0] settle_cycles_i,  // from loaded to settled
  input  logic [15:0] optics_cycles_i,  // from new codes to steady currents
  input  logic        pairs_i,          // two conversions a vector, dithered
  input  logic        credit_valid_i,
  input  logic [15:0] credit_i,         // that many more
  input  logic        clear_i,          // the counters

  // The plane.
  output logic        plane_load_o,
  output logic [15:0] plane_tile_o,
  input  logic        plane_done_i,

  // Frames in, converters, frames out: pulses to begin, pulses when done.
  input  logic        frame_valid_i,
  input  logic [15:0] frame_tile_i,
  output logic        frame_take_o,
  output logic        dac_start_o,      // with the frame that is taken
  input  logic        dac_valid_i,
  output logic        sar_start_o,
  output logic        second_o,         // of a pair, while it converts
  input  logic        sar_busy_i,
  input  logic        sar_valid_i,
  input  logic        result_valid_i,   // of one conversion, or a pair
  input  logic        post_valid_i,
  output logic        send_o,
  input  logic        sender_ready_i,

  // Foreground calibration: it says when it wants a conversion.
  output logic        calibrate_o,      // begin
  input  logic        calibrate_busy_i,
  input  logic        calibrate_want_i,

  output logic [2:0]  state_o,
  output logic [2:0]  phase_o,
  output logic        plane_valid_o,    // loaded and settled
  output logic [15:0] credits_o,        // stop at the top
  output logic [15:0] refused_commands_o,
  output logic [15:0] refused_vectors_o,
  output logic [31:0] vectors_o,
  output logic [31:0] idle_cycles_o,
  output logic [31:0] load_cycles_o,
  output logic [31:0] settle_cycles_o,
  output logic [31:0] work_cycles_o,
  output logic [31:0] frame_stalls_o,
  output logic [31:0] credit_stalls_o,
  output logic [31:0] drain_cycles_o,
  output logic [31:0] calibrate_cycles_o
);

  localparam logic [2:0] CommandLoad   = 3'(rtl_constants::SeqCommandLoad);
  localparam logic [2:0] CommandStream = 3'(rtl_constants::SeqCommandStream);
  localparam logic [2:0] CommandDrain  = 3'(rtl_constants::SeqCommandDrain);
  localparam logic [2:0] CommandCalibrate =
      3'(rtl_constants::SeqCommandCalibrate);
  localparam logic [2:0] Idle      = 3'(rtl_constants::SeqStateIdle);
  localparam logic [2:0] Load      = 3'(rtl_constants::SeqStateLoad);
  localparam logic [2:0] Settle    = 3'(rtl_constants::SeqStateSettle);
  localparam logic [2:0] Stream    = 3'(rtl_constants::SeqStateStream);
  localparam logic [2:0] Drain     = 3'(rtl_constants::SeqStateDrain);
  localparam logic [2:0] Calibrate = 3'(rtl_constants::SeqStateCalibrate);
  localparam logic [2:0] Free      = 3'(rtl_constants::SeqPhaseFree);
  localparam logic [2:0] Dac       = 3'(rtl_constants::SeqPhaseDac);
  localparam logic [2:0] Optics    = 3'(rtl_constants::SeqPhaseOptics);
  localparam logic [2:0] Convert   = 3'(rtl_constants::SeqPhaseConvert);
  localparam logic [2:0] Post      = 3'(rtl_constants::SeqPhasePost);
  localparam logic [2:0] Send      = 3'(rtl_constants::SeqPhaseSend);

  logic [2:0]  state_q, phase_q;
  logic        plane_valid_q, second_q, begun_q;
  logic [15:0] tile_q, optics_q, credits_q;
  logic [31:0] settle_q;

  logic ready, ours, launch, drop, settled, again, accepted;

  // A frame that could set out, were there a credit.
  assign ready   = (state_q == Stream) & (phase_q == Free) & frame_valid_i;
  assign ours    = frame_tile_i == tile_q;
  assign launch  = ready & ours & (credits_q != 16'd0);
  assign drop    = ready & ~ours;
  assign settled = (phase_q == Optics) & (optics_q == 16'd0);
  // The first of a pair is converted; the second follows.
  assign again   = (phase_q == Convert) & sar_valid_i & pairs_i & ~second_q;

  always_comb begin
    case (command_i)
      CommandLoad:      accepted = state_q == Idle;
      CommandStream:    accepted = (state_q == Idle) & plane_valid_q;
      CommandDrain:     accepted = state_q == Stream;
      CommandCalibrate: accepted = state_q == Idle;
      default:          accepted = 1'b0;
    endcase
    accepted = accepted & command_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q       <= Idle;
      plane_valid_q <= 1'b0;
      tile_q        <= '0;
      settle_q      <= '0;
      begun_q       <= 1'b0;
    end else begin
      // Busy shows a cycle after calibration has been told to begin.
      begun_q <= (state_q == Calibrate);
      case (state_q)
        Idle: begin
          if (accepted) begin
            case (command_i)
              CommandLoad: begin
                state_q       <= Load;
                tile_q        <= tile_i;
                plane_valid_q <= 1'b0;
              end
              CommandStream: state_q <= Stream;
              default:       state_q <= Calibrate;
            endcase
          end
        end
        Load: begin
          if (plane_done_i) state_q <= Settle;
          settle_q <= settle_cycles_i;
        end
        Settle: begin
          settle_q <= settle_q - 32'd1;
          if (settle_q == 32'd0) begin
            state_q       <= Idle;
            plane_valid_q <= 1'b1;
          end
        end
        Stream: if (accepted) state_q <= Drain;
        Drain:  if (phase_q == Free) state_q <= Idle;
        default: begin
          if (begun_q & ~calibrate_busy_i & ~sar_busy_i) state_q <= Idle;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      phase_q  <= Free;
      second_q <= 1'b0;
      optics_q <= '0;
    end else begin
      case (phase_q)
        Free: if (launch) phase_q <= Dac;
        Dac: begin
          optics_q <= optics_cycles_i;
          if (dac_valid_i) phase_q <= Optics;
        end
        Optics: begin
          optics_q <= optics_q - 16'd1;
          if (settled) phase_q <= Convert;
        end
        Convert: if (result_valid_i) phase_q <= Post;
        Post:    if (post_valid_i) phase_q <= Send;
        default: if (sender_ready_i) phase_q <= Free;
      endcase
      if (again) begin
        second_q <= 1'b1;
      end else if (phase_q != Convert) begin
        second_q <= 1'b0;
      end
    end
  end

  // Credits granted and used in one cycle; the sum stops at the top.
  logic [16:0] credits;
  assign credits = {1'b0, credits_q} + (credit_valid_i ? {1'b0, credit_i} : '0)
                 - {16'd0, launch};
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      credits_q <= '0;
    end else begin
      credits_q <= credits[16] ? '1 : credits[15:0];
    end
  end

  logic [15:0] refused_commands_q, refused_vectors_q;
  logic [31:0] vectors_q, idle_q, load_q, settling_q, work_q, frame_stalls_q;
  logic [31:0] credit_stalls_q, drain_q, calibrate_q;
  logic        streaming;
  assign streaming = state_q == Stream;

  always_ff @(posedge clk_i) begin
    if (!rst_ni | clear_i) begin
      refused_commands_q <= '0;
      refused_vectors_q  <= '0;
      vectors_q          <= '0;
      idle_q             <= '0;
      load_q             <= '0;
      settling_q         <= '0;
      work_q             <= '0;
      frame_stalls_q     <= '0;
      credit_stalls_q    <= '0;
      drain_q            <= '0;
      calibrate_q        <= '0;
    end else begin
      refused_commands_q <= refused_commands_q
          + {15'd0, command_valid_i & ~accepted & ~&refused_commands_q};
      refused_vectors_q <= refused_vectors_q
          + {15'd0, drop & ~&refused_vectors_q};
      vectors_q  <= vectors_q + {31'd0, launch};
      idle_q     <= idle_q + {31'd0, state_q == Idle};
      load_q     <= load_q + {31'd0, state_q == Load};
      settling_q <= settling_q + {31'd0, state_q == Settle};
      work_q     <= work_q
          + {31'd0, streaming & ((phase_q != Free) | launch | drop)};
      frame_stalls_q <= frame_stalls_q
          + {31'd0, streaming & (phase_q == Free) & ~frame_valid_i};
      credit_stalls_q <= credit_stalls_q
          + {31'd0, ready & ours & (credits_q == 16'd0)};
      drain_q     <= drain_q + {31'd0, state_q == Drain};
      calibrate_q <= calibrate_q + {31'd0, state_q == Calibrate};
    end
  end

  assign plane_load_o = state_q == Load;
  assign plane_tile_o = tile_q;
  assign frame_take_o = launch | drop;
  assign dac_start_o  = launch;
  assign second_o     = second_q;
  assign sar_start_o  = settled | again
      | ((state_q == Calibrate) & calibrate_want_i & ~sar_busy_i);
  assign send_o       = (phase_q == Send) & sender_ready_i;
  assign calibrate_o  = (state_q == Calibrate) & ~begun_q;

  assign state_o            = state_q;
  assign phase_o            = phase_q;
  assign plane_valid_o      = plane_valid_q;
  assign credits_o          = credits_q;
  assign refused_commands_o = refused_commands_q;
  assign refused_vectors_o  = refused_vectors_q;
  assign vectors_o          = vectors_q;
  assign idle_cycles_o      = idle_q;
  assign load_cycles_o      = load_q;
  assign settle_cycles_o    = settling_q;
  assign work_cycles_o      = work_q;
  assign frame_stalls_o     = frame_stalls_q;
  assign credit_stalls_o    = credit_stalls_q;
  assign drain_cycles_o     = drain_q;
  assign calibrate_cycles_o = calibrate_q;

endmodule
