#include "engine/async/task.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "engine/core/assert.hpp"
#include "engine/core/log.hpp"

namespace swarmfs::async {

// To await any Task is to ask first whether one was cancelled.
Task<> leave_if_cancelled() {
    co_return;
}

bool is_cancellation(std::exception_ptr error) {
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& failure) {
        return failure.code() == boost::asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

void stop_for(std::exception_ptr error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        log_error("async", std::string("an exception left a task: ") + failure.what());
    } catch (...) {
        log_error("async", "something left a task");
    }
    assertion_failed("no exception leaves a task", __FILE__, __LINE__);
}

void throw_cancellation() {
    throw boost::system::system_error(boost::asio::error::operation_aborted);
}

}  // namespace swarmfs::async
