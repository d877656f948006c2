# cmake -DSOURCE=... -DHEADER=... -P GitCommit.cmake: writes the commit that is being built, with a +
# behind it if tracked files differ from it, and "" outside of a git checkout. The header is touched
# only when it changes.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status ERROR_QUIET)
if(NOT status EQUAL 0)
  set(commit "")
else()
  execute_process(COMMAND git -C ${SOURCE} diff-index --quiet HEAD -- RESULT_VARIABLE changed
    ERROR_QUIET)
  if(NOT changed EQUAL 0)
    string(APPEND commit "+")
  endif()
endif()
set(text "#define FF_GIT_COMMIT \"${commit}\"\n")
if(EXISTS ${HEADER})
  file(READ ${HEADER} old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE ${HEADER} "${text}")
endif()
