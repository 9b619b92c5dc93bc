#!/usr/bin/env bash
# Trains a small model with a Lather server and nothing but curl, awk and od.
#
#   lather serve &
#   Examples/curl/train.sh
#
# The model is y = W·(x1, x2, 1): a 2 × 3 matrix fitted to points that a known matrix made, with a little noise. Its
# gradient goes over as 24 raw bytes, six little-endian float32, row by row, and 24 bytes of update come back.
#
# LATHER_URL         where the server is (http://127.0.0.1:8421)
# LATHER_TOKEN_FILE  a file with its bearer token, if it asks for one
# RUN, STEPS         the run's name (a new one each time) and how many steps (80)
set -euo pipefail
export LC_ALL=C # decimal points, and bytes that are bytes

url=${LATHER_URL:-http://127.0.0.1:8421}
run=${RUN:-curl-$(date +%Y%m%d-%H%M%S)-$$}
steps=${STEPS:-80}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What every call shares. --fail-with-body turns an error status into a failure and keeps the server's explanation. A PUT
# may be repeated: a step's URL is its identity, so the server applies it once and answers a repeat with the same bytes.
{
  printf '%s\n' silent show-error fail-with-body retry-connrefused 'retry = 8' 'connect-timeout = 5' 'max-time = 60'
  if [ -n "${LATHER_TOKEN_FILE:-}" ]; then
    printf 'header = "Authorization: Bearer %s"\n' "$(cat "$LATHER_TOKEN_FILE")"
  fi
} >"$work/curl.conf"

# lather PATH [CURL OPTION...]: the answer's body goes to $work/answer. An error is shown, and ends the program.
lather() {
  local path=$1
  shift
  curl --config "$work/curl.conf" --output "$work/answer" "$@" "$url$path" && return
  printf '\n%s was refused or not answered:\n' "$path" >&2
  [ ! -s "$work/answer" ] || cat "$work/answer" >&2
  printf '\n' >&2
  exit 1
}

# to_float32: decimal numbers, one a line, as printf's escapes for little-endian float32. A float is sign, exponent and
# 23 bits of fraction: value = ±1.fraction × 2^(exponent - 127); below 2^-126 the leading 1 is missing.
to_float32() {
  awk '{
    value = $1 + 0; sign = value < 0; if (sign) value = -value
    exponent = value > 0 ? 127 : 0; fraction = 0
    if (value > 0) {
      while (value >= 2 && exponent < 255) { value /= 2; exponent++ }
      while (value < 1 && exponent > 1) { value *= 2; exponent-- }
      if (value < 1) exponent = 0
      fraction = int((exponent > 0 ? value - 1 : value) * 8388608 + 0.5)
      if (fraction == 8388608) { fraction = 0; exponent++ }
    }
    if (exponent >= 255) { print "too large for float32: " $1 > "/dev/stderr"; exit 1 }
    bits = sign * 2147483648 + exponent * 8388608 + fraction
    for (i = 0; i < 4; i++) { printf "\\%03o", bits % 256; bits = int(bits / 256) }
  }'
}

# from_float32 FILE: the way back, one number a line.
from_float32() {
  od -An -v -tu1 -w4 "$1" | awk '{
    exponent = ($4 % 128) * 2 + int($3 / 128)
    fraction = (($3 % 128) * 65536 + $2 * 256 + $1) / 8388608
    value = exponent ? (1 + fraction) * 2 ^ (exponent - 127) : fraction * 2 ^ -126
    if ($4 >= 128) value = -value
    printf "%.9g\n", value
  }'
}

# 1. Data: 64 points x1, x2 with their y1, y2.
awk 'BEGIN {
  srand(1)
  for (i = 0; i < 64; i++) {
    x1 = 2 * rand() - 1; x2 = 2 * rand() - 1
    print x1, x2, 2 * x1 - 1 * x2 + 0.5 + 0.02 * (rand() - 0.5), -0.5 * x1 + 3 * x2 - 1 + 0.02 * (rand() - 0.5)
  }
}' >"$work/points"

# 2. A run: the optimizer's options, and the shape of each parameter. A rank-2 parameter gets a Kronecker factor a side.
lather "/v1/runs/$run" --request PUT --header 'Content-Type: application/json' --data-binary @- <<'MANIFEST'
{"optimizer": {"lr": 0.1, "weight_decay": 0.0001, "precondition_frequency": 10},
 "parameters": [{"name": "W", "shape": [2, 3]}]}
MANIFEST
printf 'run %s at %s\n' "$run" "$url"

# 3. Steps. The weights live here; the server sees gradients only.
printf '%s\n' 0 0 0 0 0 0 >"$work/weights"
for ((k = 1; k <= steps; k++)); do
  # The mean squared error and its gradient: the loss on the first line, then the six numbers of the gradient.
  awk 'NR == FNR { w[NR] = $1; next }
    {
      x[1] = $1; x[2] = $2; x[3] = 1; n++
      for (row = 0; row < 2; row++) {
        error = w[3 * row + 1] * x[1] + w[3 * row + 2] * x[2] + w[3 * row + 3] - $(3 + row)
        loss += error * error
        for (column = 1; column <= 3; column++) gradient[3 * row + column] += 2 * error * x[column]
      }
    }
    END { printf "%.6f\n", loss / n; for (i = 1; i <= 6; i++) printf "%.9g\n", gradient[i] / n }
  ' "$work/weights" "$work/points" >"$work/gradient"
  if ((k == 1 || k % 10 == 0)); then printf 'step %3d  loss %s\n' "$k" "$(head -n 1 "$work/gradient")"; fi

  # PUT the gradient of step k of parameter W, get its update. ?lr= sets the rate of this step alone: here it falls to 0.
  rate=$(awk -v k="$k" -v steps="$steps" 'BEGIN { printf "%.6f", 0.2 * (1 - k / (steps + 1)) }')
  escapes=$(tail -n +2 "$work/gradient" | to_float32)
  # shellcheck disable=SC2059 # the escapes are the format
  printf "$escapes" >"$work/body"
  lather "/v1/runs/$run/parameters/W/steps/$k?lr=$rate" --request PUT --header 'Content-Type: application/octet-stream' \
    --data-binary "@$work/body" --dump-header "$work/headers"

  # The trainer's rule: w = w * weight_scale + update. The factor, which carries the weight decay, stands in a header.
  scale=$(tr -d '\r' <"$work/headers" | awk 'tolower($1) == "lather-weight-scale:" { scale = $2 } END { print scale == "" ? 1 : scale }')
  from_float32 "$work/answer" | paste -d ' ' "$work/weights" - |
    awk -v scale="$scale" '{ printf "%.9g\n", $1 * scale + $2 }' >"$work/next"
  mv "$work/next" "$work/weights"
done

# 4. A look at what the server holds: norms, eigenvalues, how orthogonal the eigenbases are.
printf '\nW, which was made from  2 -1 0.5 / -0.5 3 -1:\n'
awk '{ printf "%8.4f%s", $1, NR % 3 ? "" : "\n" }' "$work/weights"
lather "/v1/runs/$run/parameters/W"
printf '\nThe parameter as the server describes it:\n'
cat "$work/answer"
printf '\n\nDelete the run with:  curl -X DELETE %s/v1/runs/%s\n' "$url" "$run"
