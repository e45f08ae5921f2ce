;; Floods its standard output: 64 KB at a time, for ever.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\40\00\00\00\00\00\01\00")  ;; one buffer: at 64, 65536 bytes
  (func $flood (export "_start")
    (memory.fill (i32.const 64) (i32.const 46) (i32.const 65536))
    (loop $again
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (br $again))))
