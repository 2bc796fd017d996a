// Calibration of a slice of receivers.
//
// In the foreground, when told to: 2^log2_samples_i conversions in the dark
// average to each lane's offset, as many of a reference light to its gain,
// reference_i / (average - offset). Both go to the post-processing stage lane
// by lane; the lanes' sums leave through a ring, and one divider serves all.
//
// In the background, while vectors flow: each is converted twice, once with
// +delta added to the currents and once with -delta, in random order. The
// mean is the result. The difference should be 2 delta whatever the signal;
// where it is not, some weight that one conversion kept and the other did not
// is wrong. Each lane's sign of the error moves the weights of the first
// steps, and the estimate of 2 delta, by a fixed small step (sign-LMS). The
// later steps keep their weights: they are the measure. The weights are a
// slice's, so what is learnt is what its lanes have in common. Codes are
// whole, and so would the signs' balance be: without the fraction of an LSB
// that is added at random before the sign is taken, weights settle at whole
// LSB, however long they learn.
//
// Gains are tracked between foreground runs, if track_i says so: the two
// points are plus and minus delta, which are there all the time. Each lane's
// differences add up over 2^track_i pairs, and target_i, what 2 delta is worth
// behind the gain, over their mean is the lane's new gain; ring and divider
// are the foreground's, and vectors flow meanwhile. A lane that clipped in a
// window, or whose gain would not fit, keeps its gain.
//
// A pair is learnt from within CalSteps + 2 cycles of its second result;
// until then the slice must not start again.
//
// SPDX-License-Identifier: Apache-2.0
module opt_cal #(
  parameter int unsigned Lanes    = rtl_constants::SarLanes,
  parameter int unsigned Steps    = rtl_constants::SarMaxSteps,
  parameter int unsigned CodeBits = rtl_constants::SarMaxBits,
  parameter int unsigned FracBits = rtl_constants::SarWeightFracBits,
  parameter int unsigned WordBits = 16,
  localparam int unsigned ValueBits = CodeBits + FracBits,
  localparam int unsigned StepBits  = $clog2(Steps),
  localparam int unsigned CalSteps  = rtl_constants::CalSteps,
  localparam int unsigned Extra     = rtl_constants::CalEstimateFracBits,
  localparam int unsigned Estimate  = ValueBits + Extra,
  localparam int unsigned LaneBits  = (Lanes > 1) ? $clog2(Lanes) : 1
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,

  // Foreground.
  input  logic                         start_i,
  input  logic [3:0]                   log2_samples_i,
  input  logic [15:0]                  optics_cycles_i,
  input  logic [ValueBits-1:0]         reference_i,
  output logic                         busy_o,
  output logic                         want_o,    // a conversion
  output logic [1:0]                   source_o,  // CalSource*
  output logic                         write_o,
  output logic [LaneBits-1:0]          write_lane_o,
  output logic [1:0]                   write_kind_o,
  output logic [15:0]                  write_data_o,
  output logic [15:0]                  clipped_gains_o,  // of the last run

  // Background.
  input  logic                         pairs_i,
  input  logic                         freeze_i,  // learn nothing
  input  logic [2:0]                   rate_i,    // a step is 2^rate_i
  input  logic [2:0]                   steps_i,   // that many are learnt
  input  logic [3:0]                   track_i,   // 2^track_i pairs; 0: never
  input  logic [ValueBits-1:0]         target_i,  // 2 delta behind the gain
  output logic [15:0]                  tracked_o, // windows, all lanes done
  output logic                         plus_o,    // +delta, else -delta
  input  logic                         weight_we_i,
  input  logic [StepBits-1:0]          weight_step_i,
  input  logic [ValueBits-1:0]         weight_i,
  output logic                         weight_we_o,
  output logic [StepBits-1:0]          weight_step_o,
  output logic [ValueBits-1:0]         weight_o,
  input  logic                         delta_we_i,
  input  logic [ValueBits-1:0]         delta_i,   // 2 delta, as a weight
  output logic [CalSteps*Estimate-1:0] estimate_o,
  output logic [Estimate-1:0]          delta_o,
  output logic [31:0]                  pairs_o,   // learnt from

  // Conversions in, results out a cycle after the last of them.
  input  logic [CodeBits-1:0]          max_code_i,
  input  logic                         sar_start_i,
  input  logic                         sar_valid_i,
  input  logic                         second_i,
  input  logic [Lanes*WordBits-1:0]    result_i,
  input  logic [Steps*Lanes-1:0]       switch_i,
  output logic                         valid_o,
  output logic [Lanes*WordBits-1:0]    result_o
);

  localparam int unsigned MaxLog2 = rtl_constants::CalMaxLog2Samples;
  localparam int unsigned AccBits = ValueBits + MaxLog2 + 2;  // with sign
  localparam int unsigned Gain    = rtl_constants::PostGainFracBits;
  // The dividend: a reference, the gain's fraction, as many as were summed.
  localparam int unsigned NumBits = ValueBits + Gain + MaxLog2;
  localparam int unsigned BitBits = $clog2(NumBits + 1);

  typedef enum logic [2:0] {
    Idle = 3'd0, Wait = 3'd1, Sample = 3'd2, Offset = 3'd3, Load = 3'd4,
    Divide = 3'd5, Store = 3'd6
  } state_e;

  // ---- Foreground ----

  state_e                    state_q;
  logic                      gain_q;  // the second part
  logic [15:0]               wait_q;
  logic [MaxLog2:0]          started_q, taken_q, samples;
  logic [LaneBits-1:0]       lane_q;
  logic                      last_lane, sample, rotate;
  logic                      busy;         // with the foreground
  logic                      following_q;  // dividing for gains tracked
  logic                      closes;       // a window, with this pair
  logic                      over;         // all lanes have their new gains
  logic [3:0]                log2_divided;

  assign samples   = (MaxLog2+1)'(1) << log2_samples_i;
  assign last_lane = lane_q == LaneBits'(Lanes - 1);
  assign sample    = (state_q == Sample) & sar_valid_i;
  assign rotate    = (state_q == Offset) | (state_q == Store);
  assign busy      = (state_q != Idle) & ~following_q;
  assign over      = following_q & (state_q == Store) & last_lane;
  assign log2_divided = following_q ? track_i : log2_samples_i;

  // The lane at the ring's end, its average, and what goes back: the sum that
  // samples of the offset alone would bring to zero.
  logic signed [AccBits-1:0] head, back, half, average;
  assign head    = gen_lane[0].acc_q;
  assign half    = AccBits'(samples) >> 1;
  logic signed [AccBits-1:0] halved;
  assign halved  = head + half;
  assign average = halved >>> log2_samples_i;
  assign back    = -(average <<< log2_samples_i);

  // Divides, a bit a cycle, the highest first.
  logic [NumBits-1:0]        num_q, quotient_q;
  logic [AccBits-1:0]        rest_d, divisor;
  logic [AccBits-2:0]        rest_q;  // below the divisor, which is positive
  logic [BitBits-1:0]        bit_q;
  logic                      fits, clips;
  assign divisor = head;
  assign rest_d  = {rest_q, num_q[NumBits-1]};
  assign fits    = rest_d >= divisor;
  assign clips   = head[AccBits-1] | (head == '0) | (|quotient_q[NumBits-1:16]);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q     <= Idle;
      gain_q      <= 1'b0;
      following_q <= 1'b0;
    end else if (start_i & ~busy) begin
      state_q     <= Wait;
      gain_q      <= 1'b0;
      following_q <= 1'b0;
    end else begin
      if (closes) begin
        following_q <= 1'b1;
      end else if (over) begin
        following_q <= 1'b0;
      end
      case (state_q)
        Idle: begin
          gain_q <= closes;
          if (closes) state_q <= Load;
        end
        Wait:   if (wait_q == 16'd0) state_q <= Sample;
        Sample: begin
          if (sample & (taken_q + (MaxLog2+1)'(1) == samples)) begin
            state_q <= gain_q ? Load : Offset;
          end
        end
        Offset: begin
          if (last_lane) begin
            state_q <= Wait;
            gain_q  <= 1'b1;
          end
        end
        Load:   state_q <= Divide;
        Divide: if (bit_q == BitBits'(1)) state_q <= Store;
        default: state_q <= last_lane ? Idle : Load;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Wait) begin
      wait_q <= wait_q - 16'd1;
    end else begin
      wait_q <= optics_cycles_i;
    end
    if (state_q == Sample) begin
      started_q <= started_q + (MaxLog2+1)'(sar_start_i);
      taken_q   <= taken_q + (MaxLog2+1)'(sample);
    end else begin
      started_q <= '0;
      taken_q   <= '0;
    end
    if (rotate) begin
      lane_q <= lane_q + LaneBits'(1);
    end else if ((state_q == Sample) | (state_q == Idle)) begin
      lane_q <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Load) begin
      num_q <= (NumBits'({following_q ? target_i : reference_i, {Gain{1'b0}}})
                << log2_divided)
             + {{NumBits-AccBits+1{1'b0}}, divisor[AccBits-1:1]};
      quotient_q <= '0;
      rest_q     <= '0;
      bit_q      <= BitBits'(NumBits);
    end else if (state_q == Divide) begin
      num_q      <= num_q << 1;
      quotient_q <= {quotient_q[NumBits-2:0], fits};
      rest_q     <= (AccBits-1)'(fits ? rest_d - divisor : rest_d);
      bit_q      <= bit_q - BitBits'(1);
    end
  end

  logic                write_q;
  logic [LaneBits-1:0] write_lane_q;
  logic [1:0]          write_kind_q;
  logic [15:0]         write_data_q, clipped_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q   <= 1'b0;
      clipped_q <= '0;
    end else begin
      write_q <= rotate & ~(following_q & (clips | gen_lane[0].spoiled_q));
      if (start_i) begin
        clipped_q <= '0;
      end else begin
        clipped_q <= clipped_q
                   + {15'd0, (state_q == Store) & clips & ~following_q};
      end
    end
    if (rotate) begin
      write_lane_q <= lane_q;
      write_kind_q <= gain_q ? 2'(rtl_constants::PostCoefficientGain)
                             : 2'(rtl_constants::PostCoefficientOffset);
      if (!gain_q) begin
        write_data_q <= average[15:0];
      end else begin
        write_data_q <= clips ? 16'hFFFF : quotient_q[15:0];
      end
    end
  end

  // ---- Background ----

  logic [Lanes-1:0]             more, less;  // the error's sign, if any
  logic [CalSteps*Lanes-1:0]    first_q;     // kept in the first conversion
  logic [CalSteps*Estimate-1:0] estimate_q;
  logic [Estimate-1:0]          delta_q;
  logic [15:0]                  lfsr_q;
  logic [31:0]                  pairs_q;
  logic                         learning_q;
  logic [2:0]                   step_q;      // CalSteps: delta itself
  logic                         plus;        // the first one of this pair
  logic [ValueBits-1:0]         limit, delta_now;
  logic                         pair;        // its second result is there

  assign plus  = lfsr_q[0];
  // -15 to 15 in steps of two, in 1/32 LSB: half an LSB to either side.
  logic signed [ValueBits+2:0] fraction;
  assign fraction = {{ValueBits-1{~lfsr_q[4]}}, lfsr_q[3:1], 1'b1};
  assign limit = {max_code_i, {FracBits{1'b0}}};
  assign pair  = sar_valid_i & pairs_i & second_i & ~busy;

  // Rounded to a weight, at most the largest there is.
  function automatic logic [ValueBits-1:0] rounded(
      input logic [Estimate-1:0] estimate);
    rounded = estimate[Estimate-1:Extra]
            + ValueBits'({estimate[Extra-1] & ~&estimate[Estimate-1:Extra]});
  endfunction
  assign delta_now = rounded(delta_q);

  function automatic logic [15:0] leap(input logic [15:0] from);
    logic [15:0] state;
    state = from;
    for (int unsigned i = 0; i < rtl_constants::CalLfsrLeap; i++) begin
      state = {1'b0, state[15:1]}
            ^ ({16{state[0]}} & 16'(rtl_constants::CalLfsrTaps));
    end
    leap = state;
  endfunction

  // Lanes that want the estimate larger, or smaller.
  logic [Lanes-1:0]    kept_plus, kept_minus, kept_first, kept_second;
  logic [Lanes-1:0]    up, down;
  logic                of_delta;
  logic [Estimate-1:0] old, moved;
  logic signed [Estimate+1:0] change, sum;

  assign of_delta    = step_q == 3'(CalSteps);
  assign kept_first  = of_delta ? '0 : first_q[32'(step_q)*Lanes +: Lanes];
  assign kept_second = of_delta ? '0 : switch_i[32'(step_q)*Lanes +: Lanes];
  assign kept_plus   = plus ? kept_first : kept_second;
  assign kept_minus  = plus ? kept_second : kept_first;
  assign up   = of_delta ? more : (more & kept_minus & ~kept_plus)
                                | (less & kept_plus & ~kept_minus);
  assign down = of_delta ? less : (more & kept_plus & ~kept_minus)
                                | (less & kept_minus & ~kept_plus);
  assign old  = of_delta ? delta_q
                         : estimate_q[32'(step_q)*Estimate +: Estimate];
  assign change = (Estimate+2)'($countones(up))
                - (Estimate+2)'($countones(down));
  assign sum    = {2'b00, old} + (change <<< rate_i);
  assign moved  = sum[Estimate+1] ? '0 : sum[Estimate] ? '1
                                       : sum[Estimate-1:0];

  logic move;
  assign move = learning_q & ~freeze_i & (of_delta | (step_q < steps_i));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      learning_q <= 1'b0;
      lfsr_q     <= 16'(rtl_constants::CalLfsrSeed);
      pairs_q    <= '0;
    end else begin
      learning_q <= pair | (learning_q & ~of_delta);
      if (learning_q & of_delta) begin
        lfsr_q  <= leap(lfsr_q);
        pairs_q <= pairs_q + {31'd0, ~freeze_i};
      end
    end
    step_q <= learning_q ? step_q + 3'd1 : 3'd0;
    if (sar_valid_i & ~second_i) first_q <= switch_i[CalSteps*Lanes-1:0];
  end

  always_ff @(posedge clk_i) begin
    if (weight_we_i) begin
      if (weight_step_i < StepBits'(CalSteps)) begin
        estimate_q[32'(weight_step_i)*Estimate +: Estimate] <=
            {weight_i, {Extra{1'b0}}};
      end
    end else if (move & ~of_delta) begin
      estimate_q[32'(step_q)*Estimate +: Estimate] <= moved;
    end
    if (delta_we_i) begin
      delta_q <= {delta_i, {Extra{1'b0}}};
    end else if (move & of_delta) begin
      delta_q <= moved;
    end
  end

  logic                 weight_we_q;
  logic [StepBits-1:0]  weight_step_q;
  logic [ValueBits-1:0] weight_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      weight_we_q <= 1'b0;
    end else begin
      weight_we_q <= weight_we_i | (move & ~of_delta);
    end
    weight_step_q <= weight_we_i ? weight_step_i : StepBits'(step_q);
    weight_q      <= weight_we_i ? weight_i : rounded(moved);
  end

  // Windows of pairs, of whose differences the lanes' gains are made.
  logic [MaxLog2:0] window_q;
  logic [15:0]      tracked_q;
  logic             tracking, counts;
  logic             fresh_q;  // a window begins
  assign tracking = (state_q == Idle) & (track_i != 4'd0);
  assign counts   = tracking & pair & ~freeze_i;
  assign closes   = counts & (window_q + (MaxLog2+1)'(1)
                              == (MaxLog2+1)'(1) << track_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      window_q  <= '0;
      tracked_q <= '0;
      fresh_q   <= 1'b1;
    end else begin
      if (~tracking | start_i | closes) begin
        window_q <= '0;
      end else if (counts) begin
        window_q <= window_q + (MaxLog2+1)'(1);
      end
      tracked_q <= tracked_q + {15'd0, over};
      fresh_q   <= ~tracking | start_i;
    end
  end

  // ---- Lanes ----

  logic valid_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
    end else begin
      valid_q <= sar_valid_i & (second_i | ~pairs_i) & ~busy;
    end
  end

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic signed [AccBits-1:0]   acc_q, next;
    logic [ValueBits-1:0]        value_q;   // of the first conversion
    logic [ValueBits-1:0]        result_q, value;
    logic                        usable, usable_q, more_q, less_q;
    logic                        spoiled_q, next_spoiled;
    logic signed [ValueBits+2:0] error, difference;

    assign value = result_i[lane*WordBits +: ValueBits];
    if (lane + 1 < Lanes) begin : gen_next
      assign next         = gen_lane[lane+1].acc_q;
      assign next_spoiled = gen_lane[lane+1].spoiled_q;
    end else begin : gen_next
      assign next         = back;
      assign next_spoiled = 1'b0;
    end

    always_ff @(posedge clk_i) begin
      if (start_i & ~busy) begin
        acc_q <= '0;
      end else if (state_q == Idle) begin
        acc_q <= (fresh_q ? '0 : acc_q)
               + (counts ? AccBits'(difference) : '0);
        spoiled_q <= (~fresh_q & spoiled_q) | (counts & ~(usable_q & usable));
      end else if (rotate) begin
        acc_q     <= next;
        spoiled_q <= next_spoiled;
      end else if (sample) begin
        acc_q <= acc_q + AccBits'(value);
      end
    end

    // What +delta gave more than -delta.
    assign difference = plus ? {3'b000, value_q} - {3'b000, value}
                             : {3'b000, value} - {3'b000, value_q};
    // Twice the error, and the fraction: odd, so there is always a sign.
    assign error = ((difference - {3'b000, delta_now}) << 1) + fraction;
    assign usable = (value < limit) & (|value[ValueBits-1:FracBits]);

    always_ff @(posedge clk_i) begin
      if (sar_valid_i) begin
        value_q  <= value;
        usable_q <= usable;
        result_q <= (pairs_i & second_i)
            ? ValueBits'(({1'b0, value_q} + {1'b0, value}) >> 1) : value;
      end
      if (pair) begin
        more_q <= usable_q & usable & ~error[ValueBits+2];
        less_q <= usable_q & usable & error[ValueBits+2];
      end
    end

    logic unused_error;
    assign unused_error = ^error[ValueBits+1:0];
    assign more[lane] = more_q;
    assign less[lane] = less_q;
    assign result_o[lane*WordBits +: WordBits] = WordBits'(result_q);

    logic unused_result;
    assign unused_result =
        ^result_i[lane*WordBits + ValueBits +: WordBits - ValueBits];
  end

  logic unused_switch;
  assign unused_switch = ^switch_i[Steps*Lanes-1:CalSteps*Lanes];

  assign busy_o          = busy;
  assign want_o          = (state_q == Sample) & (started_q != samples);
  assign source_o        =
        ~busy ? 2'(rtl_constants::CalSourceSignal)
      : gain_q ? 2'(rtl_constants::CalSourceReference)
               : 2'(rtl_constants::CalSourceDark);
  assign write_o         = write_q;
  assign write_lane_o    = write_lane_q;
  assign write_kind_o    = write_kind_q;
  assign write_data_o    = write_data_q;
  assign clipped_gains_o = clipped_q;
  assign plus_o          = plus ^ second_i;
  assign weight_we_o     = weight_we_q;
  assign weight_step_o   = weight_step_q;
  assign weight_o        = weight_q;
  assign estimate_o      = estimate_q;
  assign delta_o         = delta_q;
  assign pairs_o         = pairs_q;
  assign tracked_o       = tracked_q;
  assign valid_o         = valid_q;

endmodule
