;; Loops for ever: ends when its fuel is used up.
(module
  (memory (export "memory") 1)
  (func $spin (export "_start") (loop $again (br $again))))
