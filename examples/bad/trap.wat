;; Divides by zero: a trap, reported with its kind and the function it happened in.
(module
  (memory (export "memory") 1)
  (func $divide (param $by i32) (result i32) (i32.div_s (i32.const 1) (local.get $by)))
  (func $main (export "_start") (drop (call $divide (i32.const 0)))))
