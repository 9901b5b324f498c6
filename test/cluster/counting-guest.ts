// A guest that shows whether it lived on unharmed: it counts on its console, changes its memory, and writes files whose sums it checks.

/** `COUNT n` on the console, five times a second; the kernel, which would write in the middle of a line, says nothing there but why it dies. */
export const COUNTING = `echo 1 >/proc/sys/kernel/printk
(
  n=0
  while :; do
    n=$((n + 1))
    echo "COUNT $n" >/dev/ttyS0
    usleep 200000
  done
) &
`

/** Writes `mib` MiB of the guest's memory anew, with a pause of `pauseMs` between. */
export const writingMemory = (mib: number, pauseMs: number): string => `(
  while :; do
    dd if=/dev/zero of=/run/load bs=1M count=${mib} conv=notrunc 2>/dev/null
    usleep ${pauseMs * 1000}
  done
) &
`

/** Counts; `SUMS ok n` or `SUMS bad n` after each file that it wrote; some MiB of its memory are written anew all the time. */
export const COUNTING_GUEST = `#!/bin/sh
${COUNTING}(
  f=0
  mkdir -p /data/files
  while :; do
    f=$((f + 1))
    dd if=/dev/urandom of=/data/files/$((f % 8)) bs=64k count=4 2>/dev/null
    (cd /data/files && md5sum $((f % 8)) >/data/sum.$((f % 8)))
    sync
    echo 3 >/proc/sys/vm/drop_caches
    if (cd /data/files && cat /data/sum.* | md5sum -c >/dev/null 2>&1); then said=ok; else said=bad; fi
    echo "SUMS $said $f" >/dev/ttyS0
    sleep 1
  done
) &
${writingMemory(8, 200)}`

const numbers = (text: string, pattern: RegExp): readonly number[] =>
  [...text.matchAll(pattern)].map(([, number]) => Number(number))

/** The guest's shell writes its prompt on the same console, whenever it is ready. */
export const countsIn = (text: string): readonly number[] => numbers(text, /^(?:guest# .*)?COUNT (\d+)\r?$/gm)
export const goodSumsIn = (text: string): readonly number[] => numbers(text, /^(?:guest# .*)?SUMS ok (\d+)\r?$/gm)
export const badSumsIn = (text: string): readonly number[] => numbers(text, /^(?:guest# .*)?SUMS bad (\d+)\r?$/gm)
/** From the first number on: what else was said, such as a number that was torn apart. */
export const otherLinesIn = (text: string): readonly string[] =>
  text
    .slice(Math.max(0, text.search(/^COUNT 1\r?$/m)))
    .split(/\r?\n/)
    .filter((line) => line !== '' && !/^(guest# .*)?(COUNT \d+|SUMS (ok|bad) \d+)$/.test(line))
