# shellcheck shell=bash
# One tier of tests: run it, keep its log and counts in test-results/, remember how long it took. Needs common.sh.

RESULTS=$ROOT/test-results
# A line per step that ended: name, seconds, passed, failed.
LEDGER=$RESULTS/ledger.tsv

# Put before a command: it runs under an init of its own that reaps, so that whatever a test leaves behind ends with it.
# Mounts stay common: the names of network namespaces are mounts.
# shellcheck disable=SC2034
APART=(unshare --fork --kill-child --pid --mount --propagation unchanged --mount-proc tini -s --)

# step NAME LIMIT COMMAND...: LIMIT in seconds; output goes to the terminal and to test-results/NAME.log
step() {
  local name=$1 limit=$2 begun=$SECONDS code=0 passed=0 failed=0
  shift 2
  echo
  echo "== $name"
  mkdir -p "$RESULTS"
  rm -f "$RESULTS/$name.json"
  (cd "$ROOT" && timeout -k 30 "$limit" "$@") </dev/null > >(tee "$RESULTS/$name.log") 2>&1 || code=$?
  if [ -e "$RESULTS/$name.json" ]; then
    read -r passed failed < <(counts "$RESULTS/$name.json")
  elif [ $code = 0 ]; then
    passed=1
  fi
  [ $code != 124 ] || echo "$name was ended after $limit seconds"
  # A run that failed without a failed test (a crash, no test file at all) counts as one.
  if [ $code != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
  entry "$name" $((SECONDS - begun)) "$passed" "$failed"
}

# entry NAME SECONDS PASSED FAILED
entry() { printf '%s\t%d\t%d\t%d\n' "$@" >>"$LEDGER"; }

# counts FILE: "passed failed" of vitest's JSON report; a file that could not be loaded has no tests and counts as one failure
counts() {
  node -e '
    const report = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))
    const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.every((one) => one.status !== "failed"))
    console.log(report.numPassedTests, report.numFailedTests + broken.length)' "$1"
}

# vitest_tier NAME LIMIT COMMAND...: the command gets vitest's reporters appended
vitest_tier() {
  local name=$1 limit=$2
  shift 2
  step "$name" "$limit" "$@" --reporter=default --reporter=json --outputFile.json="$RESULTS/$name.json"
}

# lanes COMMAND LANE...: a lane has names, for which the command runs one after another; the lanes go side by side. What all but the first
# print comes when they have ended.
lanes() {
  local command=$1 first=$2 lane name index worst=0 running=() said=()
  shift 2
  for lane; do
    said+=("$RESULTS/lane-${lane// /-}.log")
    (for name in $lane; do "$command" "$name"; done) >"${said[-1]}" 2>&1 &
    running+=($!)
  done
  for name in $first; do "$command" "$name"; done
  for index in "${!running[@]}"; do
    wait "${running[index]}" || worst=$?
    cat "${said[index]}"
    rm "${said[index]}"
  done
  return $worst
}

# failures NAME: each failed test of a step with the first lines of its errors, of a step without a report the end of its log. Who keeps
# only the end of the output knows what failed.
failures() {
  local report=$RESULTS/$1.json log=$RESULTS/$1.log
  echo
  echo "FAILED in $1:"
  if [ -e "$report" ]; then
    node -e '
      const { testResults } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))
      const begin = (text) => text.split("\n").slice(0, 25).join("\n").slice(0, 2000)
      for (const file of testResults) {
        const failed = file.assertionResults.filter((one) => one.status === "failed")
        for (const { fullName, failureMessages } of failed) console.log([file.name + ": " + fullName, ...failureMessages.map(begin)].join("\n"))
        if (file.status === "failed" && failed.length === 0) console.log(file.name + ": " + begin(file.message))
      }' "$report"
  fi
  [ -e "$report" ] && grep -q '"success":false' "$report" || tail -n 30 "$log"
}

# failed_tests NAME: a line for each failed test of a step, with how its first error begins
failed_tests() {
  local report=$RESULTS/$1.json
  [ -e "$report" ] || return 0
  node -e '
    const { testResults } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))
    const begin = (text = "") => text.split("\n").slice(0, 2).join(" ").slice(0, 250)
    for (const file of testResults)
      for (const { status, fullName, failureMessages } of file.assertionResults)
        if (status === "failed") console.log(`- ${file.name.split("/test/").at(-1)}: ${fullName}: ${begin(failureMessages[0])}`)' "$report"
}

# ledger: what failed, at length and in brief, the closing table and the last line; 1 when anything failed. The total is what passed on the
# clock.
ledger() {
  local name seconds passed failed all_passed=0 all_failed=0 print
  for print in failures failed_tests; do
    while IFS=$'\t' read -r name seconds passed failed; do
      [ "$failed" = 0 ] || "$print" "$name"
    done <"$LEDGER"
  done
  printf '\n%-14s %8s %8s %8s\n' STEP SECONDS PASSED FAILED
  while IFS=$'\t' read -r name seconds passed failed; do
    printf '%-14s %8d %8d %8d\n' "$name" "$seconds" "$passed" "$failed"
    all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed))
  done <"$LEDGER"
  printf '%-14s %8d\n' total $SECONDS
  [ $all_failed = 0 ] || echo "logs and what failed tests left are in $RESULTS"
  echo "$all_passed passed, $all_failed failed"
  [ $all_failed = 0 ]
}
