#!/usr/bin/env bash
# devices.sh PROGRAM SOURCE: `list backends` has a row for every device that a backend names, one where all are missing for
# one reason, and a default run takes the device that can be used. The backends are the template with other devices. 77
# without a compiler.
source "$(dirname "$0")/common.sh" "$1"
source_tree=$2
command -v cc >/dev/null || { echo "skipped: no compiler"; exit 77; }
mkdir backends
export TENSORMARK_BACKEND_FOLDER=$scratch/backends

# backend NAME DEVICES USABLE: what it names, and the one that its probe takes.
backend() {
    sed -e "s/strcmp(device, \"cpu\") != 0/strcmp(device, \"$3\") != 0/" -e "s/.devices = \"cpu\"/.devices = $2/" \
        "$source_tree/backends/template/template.c" >"$1.c"
    cc -std=c17 -fPIC -shared -fvisibility=hidden -I "$source_tree/include" -o "backends/libtensormark_$1.so" "$1.c" ||
        fail "$1.c does not build"
}
rows() { sed -n 's/^| \([a-z_]*:[a-z0-9]*\) *| *\(yes\|no\).*/\1 \2/p' out | tr '\n' ' '; }
expect() { [ "$2" = "$3" ] || fail "$1: '$2', not '$3'"; }

backend plain '"cpu"' cpu
backend silent NULL cpu
backend mlx '"cpu,gpu"' cpu # its name stands for the GPU
backend third '"cpu,cuda,npu"' npu
backend odd '",,cpu,cpu:x,no+pe,UPPER,a_name_for_a_device_that_is_far_too_long,cpu,"' cpu
works list backends
expect "every device" "$(rows)" \
    "native:cpu yes mlx:gpu no mlx:cpu yes odd:cpu yes plain:cpu yes silent:cpu yes third:cpu no third:cuda no third:npu yes "
works verify relu/100
expect "a default run" "$(sed -n 's/^pass .* \([a-z]*:[a-z]*\)\( .*\)*$/\1/p' out | sort | tr '\n' ' ')" \
    "mlx:cpu native:cpu odd:cpu plain:cpu silent:cpu third:npu "
[ "$(wc -l <out)" -eq 6 ] || fail "a default run takes what is missing: $(cat out)"
"$program" verify relu/100 --backends mlx >out 2>err
holds out "mlx:gpu" # by name it is what the name stands for
works doctor --db none.db
holds out "OK backend mlx: template"

# What is missing as a whole is one row; what is missing for two reasons, two.
sed -i 's/"template runs on cpu, not on ", device/"nothing is installed", ""/' third.c
cc -std=c17 -fPIC -shared -fvisibility=hidden -I "$source_tree/include" -o backends/libtensormark_third.so third.c
sed -i 's/, "npu") != 0/, "xpu") != 0/' third.c
cc -std=c17 -fPIC -shared -fvisibility=hidden -I "$source_tree/include" -o backends/libtensormark_fourth.so third.c
rm backends/libtensormark_{plain,silent,mlx,odd}.so
works list backends
expect "one reason" "$(rows)" "native:cpu yes fourth:cpu no third:cpu no "
finish
