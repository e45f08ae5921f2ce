;; Imports what a sandbox does not offer: refused before it runs, with each missing import named.
(module
  (import "env" "system" (func $system (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_open" (func $sock_open (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (drop (call $system (i32.const 0)))))
