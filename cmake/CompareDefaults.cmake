# cmake -DPROGRAM=ff-plan -DEXPECTED=conf/planner.yaml -P CompareDefaults.cmake
execute_process(COMMAND ${PROGRAM} --print-defaults OUTPUT_VARIABLE printed RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} --print-defaults failed: ${status}")
endif()
if(NOT EXISTS ${EXPECTED})
  message(FATAL_ERROR "${EXPECTED} is missing. Write it: ${PROGRAM} --print-defaults > ${EXPECTED}")
endif()
file(READ ${EXPECTED} expected)
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR
    "${EXPECTED} is out of date. Write it anew: ${PROGRAM} --print-defaults > ${EXPECTED}")
endif()
